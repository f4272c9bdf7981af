"""The lexicon is read as `lexicon/make.py` writes it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from algovigil.phi.lexicon import GIVEN, SURNAME, TOWN, WORD, kind, unpacked

MAKE = Path(__file__).parents[3] / "lexicon" / "make.py"


def test_what_is_packed_is_read_back() -> None:
    """A word of several lists has the bit of each; a word of none has none."""
    packed = runpy.run_path(str(MAKE))["packed"]
    found = unpacked(packed({"ann", "grant"}, {"lee", "grant"}, {"study", "grant"}))
    assert [found.of(w) for w in ("Ann", "LEE", "study")] == [GIVEN, SURNAME, WORD]
    assert found.of("grant") == GIVEN | SURNAME | WORD
    assert found.of("zzyzx") == 0
    assert len(found.hashes) == len(found.kinds)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ann", GIVEN | SURNAME),
        ("study", SURNAME | WORD),
        ("councilbluffs", TOWN),
        ("xqzvw", 0),
    ],
)
def test_the_shipped_lists_are_read(word: str, expected: int) -> None:
    assert kind(word) == expected
