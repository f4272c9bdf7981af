"""What is an identifier in a value, and what becomes of it.

One rule set, the files of `data/`, serves the SDK, one value at a time and before bytes
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
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from algovigil.config import Phi
from algovigil.errors import ConfigError, explain
from algovigil.phi import find as finder
from algovigil.phi import rules as rule_set
from algovigil.phi.actions import Actions
from algovigil.phi.pairs import referred, says_something
from algovigil.phi.people import People, people, spread
from algovigil.phi.token import TOKEN, Tokens, bare, canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from algovigil.phi.keys import Note

KEY_VARIABLE: Final = "ALGOVIGIL_PHI_KEY"
KEY_BYTES: Final = 32
"""Bytes of the smallest key: the block of the hash that keys it."""

_CACHED: Final = 8192
_CACHED_CHARS: Final = 16_384

_LOGGER: Final = logging.getLogger("algovigil.phi")
_KEY_ID: Final = re.compile(r"[a-z0-9]{1,16}", re.ASCII)
_LONG: Final = "LONG"


class Preset(str, enum.Enum):
    """What becomes of identifiers; `actions` in the rule file says it by class."""

    PSEUDONYMISE = "pseudonymise"
    """Ids become keyed tokens, which Safe Harbor does not allow: 164.514(c)(1)."""
    SAFE_HARBOR = "safe_harbor"
    """Nothing derived from an identifier stays."""
    DICOM_BASIC = "dicom_basic"
    """What DICOM PS3.15's Basic Profile empties is emptied; UIDs stay consistent."""
    OBSERVE_ONLY = "observe_only"
    """Counts and changes nothing: for a scratch store, as the control of a check."""


class Redaction(NamedTuple):
    """An identifier at [start, end) of a text, and what stands for it."""

    start: int
    end: int
    cls: str
    action: str
    rule: str
    """Id of the rule, or `key`."""
    new: str


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
        _check(phi, key)
        self.preset: Final = Preset(phi.preset)
        self.rules: Final = rule_set.load()
        self._key: Final = key
        self._key_id: Final = phi.key_id
        self._tokens: Final = Tokens(key, phi.key_id)
        observed = self.preset is Preset.OBSERVE_ONLY
        self.actions: Final = Actions(
            self.rules,
            {"*": "redact"} if observed else self.rules.actions[self.preset.value],
            self.pseudonym,
            self._uid,
            (this_year or time.gmtime().tm_year) - 89,
        )
        self.active: Final = tuple(
            i
            for i, rule in enumerate(self.rules.rules)
            if not rule.cls or self.actions.of(rule.cls) != "keep"
        )
        """Indices of the value rules that change something under this preset."""
        self._warned = False
        self._clean: Final[set[bytes]] = set()

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

    def note(self, key: str) -> Note:
        """Return the identifier class of *key*, and how far to trust its value."""
        return self.rules.keys.note(key[:256])

    def classify_key(self, key: str) -> str | None:
        """Return the identifier class of the values under *key*, or None."""
        return self.note(key).cls

    def pseudonym(self, value: object, kind: str = "patient") -> str | None:
        """Return the token of *value*, the same for every spelling of one identifier.

        See `token.Tokens` for how it is made. A token passes untouched. None where
        there is no value, no key, or nothing derived may stay.
        """
        text = bare(str(value)) if value is not None else ""
        if self.preset is Preset.OBSERVE_ONLY:
            return text or None
        if self.preset is Preset.SAFE_HARBOR:
            return None
        if text.startswith("p_") and TOKEN.fullmatch(text):
            return text
        plain = canonical(text)
        if plain and not self._key:
            self._warn()
        if not plain or not self._key:
            return None
        return self._tokens.token(kind, plain)

    def tokens(self, cls: str) -> tuple[Tokens, str] | None:
        """Return the maker of tokens, and the kind, where *cls* becomes tokens."""
        if not self._key or self.preset is Preset.OBSERVE_ONLY:
            return None
        if self.actions.of(cls) != "pseudonym":
            return None
        return self._tokens, self.rules.kinds.get(cls, cls.lower())

    def _uid(self, old: str) -> str | None:
        """Return the UID that stands for *old* (PS3.5 B.2: 2.25 and 128 bits)."""
        if self.preset is Preset.SAFE_HARBOR or not self._key:
            return None
        digest = hmac.digest(self._key, f"v1||UID|{old}".encode(), "sha256")
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"

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
        found = self.redactions(key, text, only)
        if not found:
            return Cleaned(text)
        if self.preset is Preset.OBSERVE_ONLY:
            return Cleaned(text, tuple((f.cls, "observe") for f in found))
        marks = tuple((f.cls, f.action) for f in found)
        return Cleaned(applied(text, found), marks)

    def redactions(
        self, key: str, text: str, only: Iterable[int] | None = None
    ) -> list[Redaction]:
        """Return what of *text* is replaced, in order and without overlap.

        Args:
            key: As in `rewrite`.
            text: As in `rewrite`.
            only: As in `rewrite`.
        """
        if not text:
            return []
        note = self.note(key)
        if text.startswith("p_") and self._keeps_token(note.cls, text):
            return []
        if note.cls is not None and says_something(text, key, note.cls):
            return self._whole(note.cls, text)
        if only is None and note.trust != "error" and self.is_plain(text):
            return []
        if len(text) > finder.MAX_CHARS:
            return [Redaction(0, len(text), _LONG, "redact", "length", f"[{_LONG}]")]
        return [
            redaction
            for start, end, cls, rule in finder.find(
                self.rules, text, trust=note.trust, only=only
            )
            if (redaction := self._replaced(start, end, cls, rule, text)) is not None
        ]

    def _whole(self, cls: str, text: str) -> list[Redaction]:
        """Return what becomes of a value whose key tells its class."""
        if finder.is_done(text):
            return []
        start = referred(text, 0, len(text), cls)
        old = text[start:]
        action = self.actions.of(cls)
        new = self.actions.replaced(cls, action, old, whole=not start)
        if new == old:
            return []
        return [Redaction(start, len(text), cls, action, "key", new)]

    def _replaced(
        self, start: int, end: int, cls: str, rule: str, text: str
    ) -> Redaction | None:
        action = self.actions.of(cls)
        old = text[start:end]
        new = self.actions.replaced(cls, action, old, whole=False)
        return None if new == old else Redaction(start, end, cls, action, rule, new)

    def people(self, text: str, found: Iterable[Redaction]) -> People:
        """Return the persons among what was *found* in *text*, to look for elsewhere."""
        names = [text[f.start : f.end] for f in found if f.cls == "NAME"]
        return people(self.rules.words, names)

    def spread(self, again: People, text: str) -> list[Redaction]:
        """Return where the persons of a record turn up in another *text* of it."""
        found = (finder.Finding(*span, "record") for span in spread(again, text))
        return [
            redaction
            for start, end, cls, rule in finder.merge(found)
            if (redaction := self._replaced(start, end, cls, rule, text)) is not None
        ]

    def number(self, key: str, value: float) -> float | None:
        """Return *value* of the feature *key*: an age up to 90, an identifier None."""
        cls = self.classify_key(key)
        if cls is None or self.preset is Preset.OBSERVE_ONLY:
            return value
        action = self.actions.of(cls)
        if action == "cap":
            return min(value, 90.0)
        return value if action == "keep" else None

    def is_plain(self, text: str) -> bool:
        """Return whether *text* as a whole is a number, a hex id, a name of code."""
        # a token has the shape of a name of code, and some presets drop it
        gate = _gate(self.rules.gate)
        return gate.fullmatch(text) is not None and not text.startswith("p_")

    def _keeps_token(self, cls: str | None, text: str) -> bool:
        action = self.actions.of(cls or "TOKEN")
        return action in ("pseudonym", "keep") and bool(TOKEN.fullmatch(text))

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            _LOGGER.warning(
                "%s is not set: identifiers are dropped and outcomes join by inference"
                " or trace id only",
                KEY_VARIABLE,
            )


def applied(text: str, found: Iterable[Redaction]) -> str:
    """Return *text* with what was *found* replaced."""
    parts: list[str] = []
    done = 0
    for redaction in found:
        parts += (text[done : redaction.start], redaction.new)
        done = redaction.end
    return "".join((*parts, text[done:]))


def _check(phi: Phi, key: bytes) -> None:
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


@lru_cache(maxsize=4)
def _gate(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.ASCII)
