"""PHI protection: what is an identifier, and what becomes of it.

One rule set, `phi_rules.yaml`, serves the SDK, one value at a time and before bytes
leave the process, and the processor, by columns. Invariant: an identifier leaves only
as what its preset makes of it; without a key it is dropped, never sent.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import logging
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from algovigil import _phi_find as finder
from algovigil import _phi_rules
from algovigil._phi_checks import is_loopback
from algovigil._phi_token import TOKEN, Tokens, bare, canonical
from algovigil.config import Phi
from algovigil.errors import ConfigError, explain, nearest

KEY_VARIABLE: Final = "ALGOVIGIL_PHI_KEY"
KEY_BYTES: Final = 32
"""Bytes of the smallest key: the block of the hash that keys it."""

_PASSES: Final = 4
_CACHED: Final = 8192
_CACHED_CHARS: Final = 16_384

_LOGGER: Final = logging.getLogger("algovigil.phi")
_KEY_ID: Final = re.compile(r"[a-z0-9]{1,16}", re.ASCII)
_YEAR: Final = re.compile(r"(?:19|20)\d\d", re.ASCII)
_NUMBER: Final = re.compile(r"\s*0*(\d{1,3})(?:\.\d*)?\s*(?:[Yy].*)?", re.ASCII)


class Preset(str, enum.Enum):
    """What becomes of identifiers; `actions` in the rule file says it by class."""

    PSEUDONYMISE = "pseudonymise"
    """Ids become keyed tokens, which Safe Harbor does not allow: 164.514(c)(1)."""
    SAFE_HARBOR = "safe_harbor"
    """Nothing derived from an identifier stays."""
    OBSERVE_ONLY = "observe_only"
    """Counts and changes nothing: for a scratch store, as the control of a check."""


class Cleaned(NamedTuple):
    """A text after redaction, and what was done: (class, action) per identifier."""

    text: str
    marks: tuple[tuple[str, str], ...] = ()


class Protector:
    """The rules under one preset and one key.

    Args:
        phi: Preset and key id, as configured.
        key: Secret of at least 32 bytes; b'' means that there is none.
        this_year: The year against which ages over 89 are told from birth dates.

    Raises:
        ConfigError: the key is too short, or the key id cannot be part of a token.
    """

    def __init__(
        self, phi: Phi | None = None, key: bytes = b"", this_year: int | None = None
    ) -> None:
        phi = phi or Phi()
        if key and len(key) < KEY_BYTES:
            raise ConfigError(
                explain(
                    f"{KEY_VARIABLE} of {len(key)} bytes",
                    f"at least {KEY_BYTES} bytes",
                    'python -c "import secrets; print(secrets.token_urlsafe(32))"',
                )
            )
        if not _KEY_ID.fullmatch(phi.key_id):
            raise ConfigError(
                explain(f"phi.key_id: {phi.key_id!r}", "1 to 16 of a-z and 0-9")
            )
        self.preset: Final = Preset(phi.preset)
        self.rules: Final = _phi_rules.load()
        self._key: Final = key
        self._key_id: Final = phi.key_id
        self._tokens: Final = Tokens(key, phi.key_id)
        self._oldest: Final = (this_year or time.gmtime().tm_year) - 89
        self._actions: Final = self.rules.actions.get(self.preset.value, {})
        self.active: Final = tuple(
            i
            for i, rule in enumerate(self.rules.rules)
            if not rule.cls or self._action(rule.cls) != "keep"
        )
        """Indices of the value rules that change something under this preset."""
        self._warned = False
        self._clean: Final[set[bytes]] = set()
        self.note: Final = lru_cache(maxsize=8192)(self.rules.note)
        """`note(key)`: the identifier class of a key, and how far to trust it."""

    @classmethod
    def of(cls, phi: Phi, environ: Mapping[str, str] | None = None) -> Protector:
        """Build the protector that *phi* and the key in the environment describe."""
        environ = os.environ if environ is None else environ
        return cls(phi, environ.get(KEY_VARIABLE, "").encode())

    @property
    def version(self) -> str:
        """The seal: preset, key id and digest of the rules."""
        key = self._key_id if self._key else "nokey"
        return f"{self.preset.value}-{key}-{self.rules.digest}"

    def classify_key(self, key: str) -> str | None:
        """Return the identifier class of the values under *key*, or None."""
        return self.note(key).cls

    def pseudonym(self, value: object, kind: str = "patient") -> str | None:
        """Return the token of *value*, the same for every spelling of one identifier.

        See `_phi_token.Tokens` for how it is made. A token passes untouched. None where
        there is no value, no key, or nothing derived may stay.
        """
        text = bare(str(value)) if value is not None else ""
        if self.preset is Preset.OBSERVE_ONLY:
            return text or None
        if self.preset is Preset.SAFE_HARBOR:
            return None
        if TOKEN.fullmatch(text):
            return text
        plain = canonical(text)
        if plain and not self._key:
            self._warn()
        if not plain or not self._key:
            return None
        return self._tokens.token(kind, plain)

    def clean(self, key: str, text: str) -> str:
        """Return *text*, the value of the attribute *key*, without identifiers."""
        # texts found clean are remembered by digest, so that no identifier is kept
        trust = self.note(key)
        digest = hashlib.blake2b(f"{trust}|{text}".encode("utf-8", "replace")).digest()
        if digest in self._clean:
            return text
        cleaned = self.rewrite(key, text)
        if not cleaned.marks and len(text) <= _CACHED_CHARS:
            if len(self._clean) >= _CACHED:
                self._clean.clear()
            self._clean.add(digest)
        return cleaned.text

    def rewrite(
        self, key: str, text: str, only: Iterable[int] | None = None
    ) -> Cleaned:
        """Return *text* without identifiers, and what was done to it.

        Args:
            key: Attribute key that *text* is the value of; '' for none.
            text: The value.
            only: Indices of the rules that a prefilter left; None means that there was
                no prefilter.
        """
        if not text:
            return Cleaned(text)
        note = self.note(key)
        if text.startswith("p_") and self._keeps_token(note.cls, text):
            return Cleaned(text)
        if note.cls is not None:
            if finder.is_done(text):
                return Cleaned(text)
            action = self._action(note.cls)
            new = self._replace(note.cls, action, text, whole=True)
            if new == text:
                return Cleaned(text)
            return self._result(text, new, ((note.cls, action),))
        if only is None and note.trust != "error" and self.is_plain(text):
            return Cleaned(text)
        if len(text) > finder.MAX_CHARS:
            return self._result(text, "[LONG]", (("LONG", "redact"),))
        new, marks = self._once(text, note.trust, only)
        # what is left may fit a rule that the identifier hid: until nothing is found
        for _ in range(_PASSES if self.preset is not Preset.OBSERVE_ONLY else 0):
            last = new
            new, more = self._once(last, note.trust, None) if marks else (last, [])
            if new == last:
                return self._result(text, new, tuple(marks))
            marks += more
        kept = new if self.preset is Preset.OBSERVE_ONLY else "[DATA]"
        return self._result(text, kept, tuple(marks))

    def _once(
        self, text: str, trust: str, only: Iterable[int] | None
    ) -> tuple[str, list[tuple[str, str]]]:
        parts: list[str] = []
        marks: list[tuple[str, str]] = []
        done = 0
        for start, end, cls, _ in finder.find(self.rules, text, trust=trust, only=only):
            action = self._action(cls)
            old = text[start:end]
            new = self._replace(cls, action, old, whole=False)
            if new != old:
                parts += (text[done:start], new)
                marks.append((cls, action))
                done = end
        return "".join((*parts, text[done:])), marks

    def number(self, key: str, value: float) -> float | None:
        """Return *value* of the feature *key*: an age up to 90, an identifier None."""
        cls = self.classify_key(key)
        if cls is None or self.preset is Preset.OBSERVE_ONLY:
            return value
        if self._action(cls) == "cap":
            return min(value, 90.0)
        return None

    def is_plain(self, text: str) -> bool:
        """Return whether *text* as a whole is a number, a hex id, a name of code."""
        # a token has the shape of a name of code, and some presets drop it
        gate = _gate(self.rules.gate)
        return gate.fullmatch(text) is not None and not text.startswith("p_")

    def _result(
        self, old: str, new: str, marks: tuple[tuple[str, str], ...]
    ) -> Cleaned:
        if self.preset is Preset.OBSERVE_ONLY:
            return Cleaned(old, tuple((cls, "observe") for cls, _ in marks))
        return Cleaned(new, marks)

    def _action(self, cls: str) -> str:
        if self.preset is Preset.OBSERVE_ONLY:
            return "redact"
        return self._actions.get(cls) or self._actions["*"]

    def _keeps_token(self, cls: str | None, text: str) -> bool:
        action = self._action(cls or "TOKEN")
        return action in ("pseudonym", "keep") and bool(TOKEN.fullmatch(text))

    def _replace(self, cls: str, action: str, old: str, *, whole: bool) -> str:
        if action == "keep" or (cls == "IP" and is_loopback(old)):
            return old
        if action == "year":
            year = _YEAR.search(old)
            tells = year is None or (cls == "BIRTH" and int(year[0]) <= self._oldest)
            return f"[{cls}]" if year is None or tells else year[0]
        if action == "cap":
            age = _NUMBER.fullmatch(bare(old))
            if age is None:
                return "[AGE]" if re.search(r"\d{2}", old) else old
            return "90+" if int(age[1]) > 89 else old
        if action == "pseudonym":
            kind = self.rules.kinds.get(cls, cls.lower())
            new = self.pseudonym(unquote(old) if "%" in old else old, kind)
            return new or ("" if whole else f"[{cls}]")
        return "" if action == "drop" and whole else f"[{cls}]"

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            _LOGGER.warning(
                "%s is not set: identifiers are dropped and outcomes join by inference"
                " or trace id only",
                KEY_VARIABLE,
            )


@lru_cache(maxsize=4)
def _gate(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.ASCII)


class PHIProtector:
    """Anonymise plain data: mappings and lists of any depth.

    Args:
        hash_salt: Salt of any length, for HKDF over the key of the environment; the
            tokens of two salts cannot be linked.
        anonymization_method: `hashing` makes keyed tokens, `redaction` class names.
        redact_fields: Further field names that hold identifiers.
        key: Secret key; None reads `ALGOVIGIL_PHI_KEY`.

    Raises:
        ConfigError: the method is unknown, or the key is too short.
    """

    def __init__(
        self,
        hash_salt: str | bytes | None = None,
        anonymization_method: str = "hashing",
        redact_fields: Iterable[str] = (),
        key: bytes | None = None,
    ) -> None:
        methods = ("hashing", "redaction")
        if anonymization_method not in methods:
            raise ConfigError(
                explain(
                    f"anonymization_method: {anonymization_method!r}",
                    "one of " + ", ".join(methods),
                    nearest(anonymization_method, methods),
                )
            )
        if key is None:
            key = os.environ.get(KEY_VARIABLE, "").encode()
        if hash_salt and len(key) >= KEY_BYTES:
            salt = hash_salt.encode() if isinstance(hash_salt, str) else hash_salt
            key = _hkdf(key, salt)
        self._protector: Final = Protector(key=key)
        self._hashing: Final = anonymization_method == "hashing"
        self._fields: Final = frozenset(
            _phi_rules.key_words(field) for field in redact_fields
        )

    def anonymize(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of *mapping* without identifiers; *mapping* stays as it is."""
        return {
            self._protector.clean("", key)
            if isinstance(key, str)
            else key: self._value(str(key), value)
            for key, value in mapping.items()
        }

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self.anonymize(value)
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            return [self._value(key, element) for element in value]
        if value is None or isinstance(value, bool):
            return value
        cls = self._protector.classify_key(key)
        if _phi_rules.key_words(key) in self._fields:
            return self._token(cls or "OTHER_ID", value)
        if cls is None and isinstance(value, (int, float)):
            return value
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if cls is None:
            return self._protector.clean(key, str(text))
        if cls in ("AGE", "DATE", "BIRTH"):
            cleaned = self._protector.clean(key, str(text))
            return value if cleaned == str(text) else cleaned
        return self._token(cls, text)

    def _token(self, cls: str, value: object) -> str:
        kind = self._protector.rules.kinds.get(cls, cls.lower())
        hashed = self._protector.pseudonym(value, kind) if self._hashing else None
        return hashed or f"[{cls}]"


def _hkdf(key: bytes, salt: bytes) -> bytes:
    """Derive 32 bytes from *key* (RFC 5869 with SHA-256, one block)."""
    secret = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(secret, b"algovigil phi v1\x01", hashlib.sha256).digest()
