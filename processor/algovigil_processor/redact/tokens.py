"""Identifiers to tokens by columns: the same tokens as `Protector.pseudonym` makes.

Invariant: only values whose canonical spelling Arrow can compute are taken; what is a
token already, a placeholder, escaped or not ASCII is left to the scalar rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil.phi.token import ALPHABET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from algovigil.phi.token import Tokens

_PLAIN: Final = r"^[A-Za-z0-9_.# -]*[0-9][A-Za-z0-9_.# -]*$"
_TOKEN: Final = r"^p_[a-z0-9]{1,16}_[a-z2-7]{16,52}$"  # noqa: S105 # a shape, not a secret
_ODD: Final = "[^a-z0-9]+"
_LETTERS: Final = np.frombuffer(ALPHABET.encode(), np.uint8)
_LENGTH: Final = 26  # characters of base32 for 128 bits
_WEIGHTS: Final = np.array([16, 8, 4, 2, 1], np.uint8)


def is_plain(texts: pa.StringArray) -> NDArray[np.bool_]:
    """Return which of *texts* `made` makes the right token of."""
    plain = pc.and_not(
        pc.match_substring_regex(texts, _PLAIN), pc.match_substring_regex(texts, _TOKEN)
    )
    result: NDArray[np.bool_] = plain.fill_null(False).to_numpy(zero_copy_only=False)
    return result


def made(tokens: Tokens, kind: str, texts: Any) -> pa.StringArray:
    """Return the token of each of *texts*, which are plain."""
    canonical = pc.replace_substring_regex(pc.ascii_lower(texts), _ODD, "")
    # by the value: two hashes of the standard library, 1 us of its own code each
    digests = tokens.digests(kind, canonical.to_pylist())
    count = len(digests)
    raw = np.frombuffer(b"".join(digests), np.uint8).reshape(count, 32)[:, :16]
    bits = np.zeros((count, _LENGTH * 5), np.uint8)
    bits[:, :128] = np.unpackbits(raw, axis=1)
    letters = _LETTERS[bits.reshape(count, _LENGTH, 5) @ _WEIGHTS]
    head = np.frombuffer(tokens.prefix.encode(), np.uint8)
    width = len(head) + _LENGTH
    text = np.empty((count, width), np.uint8)
    text[:, : len(head)] = head
    text[:, len(head) :] = letters
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(offsets), pa.py_buffer(text.reshape(-1))
    )
