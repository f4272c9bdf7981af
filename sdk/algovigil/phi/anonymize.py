"""`PHIProtector`: plain data without identifiers, under the seed's name."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from algovigil.errors import ConfigError, explain, nearest
from algovigil.phi.keys import key_words
from algovigil.phi.protector import KEY_BYTES, KEY_VARIABLE, Protector


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
        self._fields: Final = frozenset(key_words(field) for field in redact_fields)

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
        if key_words(key) in self._fields:
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
