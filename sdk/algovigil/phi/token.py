"""Pseudonyms: the keyed token of an identifier, the same for each of its spellings.

Invariant: without the key nobody can tell which identifier a token stands for, nor try
identifiers until one fits.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

TOKEN: Final = re.compile(r"p_[a-z0-9]{1,16}_[a-z2-7]{16,52}", re.ASCII)
ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 base32, lower case
_PAIRS: Final = tuple(a + b for a in ALPHABET for b in ALPHABET)
_SHIFTS: Final = tuple(range(120, -1, -10))
_BLOCK: Final = 64  # bytes of a SHA-256 block
_ODD: Final = re.compile("[^a-z0-9]+")


class Tokens:
    """Makes tokens under one key.

    HMAC (RFC 2104) from hash states that already hold the key: OpenSSL 3 looks its
    algorithm up under a lock at each `hmac.digest`, which costs threads that make
    tokens at the same time six times as much.
    """

    def __init__(self, key: bytes, key_id: str) -> None:
        block = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
        block = block.ljust(_BLOCK, b"\0")
        self._inner: Final = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer: Final = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
        self.prefix: Final = f"p_{key_id}_"

    def token(self, kind: str, canonical: str) -> str:
        """Return `p_<key id>_` and the token of *canonical*, an identifier of *kind*.

        The token is base32 (RFC 4648, lower case, no padding: 26 characters) of the
        first 16 bytes of HMAC-SHA256(key, "v1||<KIND>|" + canonical).
        """
        (digest,) = self.digests(kind, (canonical,))
        # 128 bits and 2 of padding are 13 pairs of characters: a third of b32encode's
        # time
        number = int.from_bytes(digest[:16], "big") << 2
        pairs = [_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS]
        return self.prefix + "".join(pairs)

    def digests(self, kind: str, canonicals: Iterable[str]) -> list[bytes]:
        """Return HMAC-SHA256(key, "v1||<KIND>|" + canonical) of each, for columns."""
        keyed = self._inner.copy()
        keyed.update(f"v1||{kind.upper()}|".encode())
        start, end = keyed.copy, self._outer.copy
        found = []
        for canonical in canonicals:
            inner = start()
            inner.update(canonical.encode())
            outer = end()
            outer.update(inner.digest())
            found.append(outer.digest())
        return found


def canonical(text: str) -> str:
    """Return *text* as one spelling: NFKC, case folded, letters and digits alone.

    Leading zeros stay: `007` and `7` are two patients. The type of a FHIR reference,
    `Patient/007`, goes.
    """
    if text.isascii():
        return _ODD.sub("", text.lower().removeprefix("patient/"))
    plain = unicodedata.normalize("NFKC", text).casefold().removeprefix("patient/")
    return "".join(c for c in plain if c.isalnum())


def bare(text: str) -> str:
    """Return *text* without the brackets and quotes of a list of one."""
    return text.strip().strip("[]\"'").strip()
