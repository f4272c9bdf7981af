"""Names of persons, and the words that are none: the lexicon of `data/lexicon.bin`.

Invariant: nothing is loaded before the first question; a word is asked for by its
CRC-32, so that the processor can ask for many at once. See `lexicon/make.py`.
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

GIVEN, SURNAME, WORD = 1, 2, 4
"""What a word may be; a bit each."""

_HEAD: Final = struct.Struct("<II")


class Lexicon(NamedTuple):
    """Sorted CRC-32 of lower-case words, of `array('I')`."""

    given: array[int]
    surnames: array[int]
    words: array[int]

    def of(self, word: str) -> int:
        """Return what *word*, of any case, may be: bits of `GIVEN` and the others."""
        code = zlib.crc32(word.lower().encode())
        found = 0
        for bit, hashes in (
            (GIVEN, self.given),
            (SURNAME, self.surnames),
            (WORD, self.words),
        ):
            at = bisect_left(hashes, code)
            if at < len(hashes) and hashes[at] == code:
                found |= bit
        return found


@lru_cache(maxsize=1)
def load() -> Lexicon:
    """Read the lexicon that ships with this package, once."""
    raw = resources.files("algovigil.phi").joinpath("data", "lexicon.bin").read_bytes()
    lists = []
    at = 0
    for _ in Lexicon._fields:
        count, size = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        planes = zlib.decompress(raw[at : at + size])
        at += size
        steps = bytearray(len(planes))
        for i in range(4):
            steps[i::4] = planes[i * count : (i + 1) * count]
        numbers = array("I", bytes(steps))
        if sys.byteorder == "big":
            numbers.byteswap()
        lists.append(array("I", accumulate(numbers)))
    return Lexicon(*lists)


def kind(word: str) -> int:
    """Return `Lexicon.of(word)` of the lexicon that ships with this package.

    It is not cached: a cache would keep names of persons.
    """
    return load().of(word)
