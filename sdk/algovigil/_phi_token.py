"""Pseudonyms: the keyed token of an identifier, the same for each of its spellings.

Invariant: without the key nobody can tell which identifier a token stands for, nor try
identifiers until one fits.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from typing import Final

TOKEN: Final = re.compile(r"p_[a-z0-9]{1,16}_[a-z2-7]{16,52}", re.ASCII)
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 base32, lower case
_PAIRS: Final = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_SHIFTS: Final = tuple(range(120, -1, -10))
_ODD: Final = re.compile("[^a-z0-9]+")


def token(key: bytes, key_id: str, kind: str, canonical: str) -> str:
    """Return `p_<key id>_` and the token of *canonical*, an identifier of *kind*.

    The token is base32 (RFC 4648, lower case, no padding: 26 characters) of the first
    16 bytes of HMAC-SHA256(key, "v1||<KIND>|" + canonical).
    """
    message = f"v1||{kind.upper()}|{canonical}".encode()
    digest = hmac.digest(key, message, "sha256")[:16]
    # 128 bits and 2 of padding are 13 pairs of characters: a third of b32encode's time
    number = int.from_bytes(digest, "big") << 2
    pairs = [_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS]
    return f"p_{key_id}_{''.join(pairs)}"


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
