"""Records on disk that nobody reads without the key.

AES-256-GCM (NIST SP 800-38D) under a key that HKDF (RFC 5869) makes of
`ENCRYPTION_KEY`. A sealed record is a mark, four bytes that tell which key sealed it, a
random nonce of 96 bits, and the text with its tag of 128 bits. Invariant: a record is
opened whole and unchanged, or not at all.
"""

from __future__ import annotations

import hashlib
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from algovigil.errors import ConfigError, explain

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE: Final = "ENCRYPTION_KEY"
KEY_BYTES: Final = 32
_MARK: Final = b"\x00sealed1"  # no protobuf message begins with a zero byte
_INFO: Final = b"algovigil outbox v1"
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12


class Seal:
    """Seals records if there is a key, passes them if there is none.

    Args:
        secret: `ENCRYPTION_KEY`, 32 bytes or more; '' means that there is none.

    Raises:
        ConfigError: the key is too short, or the package that seals is absent.
    """

    def __init__(self, secret: str = "") -> None:
        self._cipher: Any = None
        self._head = b""
        if secret:
            key = _derived(secret)
            self._cipher = _module("ciphers.aead").AESGCM(key)
            known = hashlib.sha256(b"id" + key).digest()[:_ID_BYTES]
            self._head = _MARK + known

    @classmethod
    def of(cls, environ: Mapping[str, str] | None = None) -> Seal:
        """Return the seal that the environment describes."""
        return cls((os.environ if environ is None else environ).get(VARIABLE, ""))

    def close(self, record: bytes) -> bytes:
        """Return *record* as it may lie on disk."""
        if self._cipher is None:
            return record
        nonce = os.urandom(_NONCE_BYTES)
        sealed: bytes = self._cipher.encrypt(nonce, record, self._head)
        return self._head + nonce + sealed

    def open(self, record: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            ConfigError: it was sealed with another key, or without one, or changed.
        """
        is_sealed = record.startswith(_MARK)
        if self._cipher is None and not is_sealed:
            return record
        if self._cipher is None:
            raise _unreadable("sealed outcomes, and no key", "the key that sealed them")
        if not is_sealed:
            raise ConfigError(
                explain(
                    "outcomes that were recorded without a key",
                    f"sealed ones, since {VARIABLE} is set",
                    f"run once without {VARIABLE} to deliver them, or move the "
                    "directory of the outbox away",
                )
            )
        if not record.startswith(self._head):
            raise _unreadable("outcomes sealed with another key", "the key in use")
        at = len(self._head)
        nonce, text = record[at : at + _NONCE_BYTES], record[at + _NONCE_BYTES :]
        try:
            found: bytes = self._cipher.decrypt(nonce, text, self._head)
        except Exception:  # the library's InvalidTag has no base class of its own
            raise _unreadable("a sealed outcome that was changed", "it whole") from None
        return found


def _unreadable(found: str, expected: str) -> ConfigError:
    return ConfigError(
        explain(
            found, expected, f"nothing is lost: set the {VARIABLE} that sealed them"
        )
    )


def _derived(secret: str) -> bytes:
    if len(secret.encode()) < KEY_BYTES:
        raise ConfigError(
            explain(
                f"{VARIABLE} of {len(secret.encode())} bytes",
                f"at least {KEY_BYTES} bytes",
                'python -c "import secrets; print(secrets.token_urlsafe(32))"',
            )
        )
    hashes = _module("hashes")
    kdf = _module("kdf.hkdf").HKDF(hashes.SHA256(), KEY_BYTES, None, _INFO)
    key: bytes = kdf.derive(secret.encode())
    return key


def _module(name: str) -> Any:
    try:
        return import_module(f"cryptography.hazmat.primitives.{name}")
    except ImportError:
        raise ConfigError(
            explain(
                f"{VARIABLE} is set, and the package `cryptography` is absent",
                "the package",
                "pip install 'algovigil[encryption]'",
            )
        ) from None
