"""Names of persons and towns, and the words that are none: the lexicon of `data/lexicon.bin`.

Invariant: nothing is loaded before the first question; a word is asked for by its
CRC-32. See `lexicon/make.py`.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from functools import lru_cache
from importlib import resources
from itertools import accumulate
from typing import Final, NamedTuple

GIVEN, SURNAME, WORD, TOWN = 1, 2, 4, 8
"""What a word may be; a bit each."""

_HEAD: Final = struct.Struct("<I")
_ABOVE: Final = 0xFFFFFFFF


class Lexicon(NamedTuple):
    """What words may be, by their hash."""

    hashes: array[int]
    """Sorted CRC-32 of lower-case words, of `array('I')`; the last is above all."""
    kinds: bytes
    """Bits of `GIVEN` and the others, one byte a hash."""

    def of(self, word: str) -> int:
        """Return what *word*, of any case, may be: bits of `GIVEN` and the others."""
        code = zlib.crc32(word.lower().encode())
        at = bisect_left(self.hashes, code)
        return self.kinds[at] if self.hashes[at] == code else 0


@lru_cache(maxsize=1)
def load() -> Lexicon:
    """Read the lexicon that ships with this package, once."""
    folder = resources.files("algovigil.phi") / "data"
    return unpacked(folder.joinpath("lexicon.bin").read_bytes())


def unpacked(raw: bytes) -> Lexicon:
    """Return what `packed` of `lexicon/make.py` made *raw* of."""
    (count,) = _HEAD.unpack_from(raw)
    planes = zlib.decompress(raw[_HEAD.size :])
    steps = bytearray(4 * count)
    for i in range(4):
        steps[i::4] = planes[i * count : (i + 1) * count]
    numbers = array("I", bytes(steps))
    if sys.byteorder == "big":
        numbers.byteswap()
    hashes = array("I", accumulate(numbers))
    hashes.append(_ABOVE)
    return Lexicon(hashes, planes[4 * count :] + b"\0")


def kind(word: str) -> int:
    """Return `Lexicon.of(word)` of the lexicon that ships with this package.

    It is not cached: a cache would keep names of persons.
    """
    return load().of(word)
