"""Persons that were found, looked for again: in other cases, orders and fields."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from algovigil.phi.lexicon import WORD, kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from algovigil.phi.words import Words

Span = tuple[int, int, str]

_WORDS: Final = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*", re.ASCII)
_BETWEEN: Final = re.compile("[ ,_^.+-]{1,3}")


class People(NamedTuple):
    """What of the names that were found is looked for elsewhere, in lower case."""

    words: frozenset[str]
    """Words that are names and nothing else."""
    pairs: frozenset[tuple[str, str]]
    """Words that stood beside each other in a name, whatever else they mean."""


def people(words: Words, found: Iterable[str]) -> People:
    """Return what to look for of the names *found*."""
    single: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for name in found:
        parts = [part.lower() for part in _WORDS.findall(name) if len(part) > 2]
        parts = [p for p in parts if p not in words.titles and p not in words.hard]
        single |= {p for p in parts if p not in words.stops and not kind(p) & WORD}
        pairs |= set(itertools.pairwise(parts))
    return People(frozenset(single), frozenset(pairs))


def spread(again: People, text: str) -> Iterator[Span]:
    """Yield where the names *again* turn up in *text*."""
    if not again.pairs and not again.words:
        return
    # word by word: a pattern made of names would stay in the cache of `re`
    before = ("", 0, 0)
    for match in _WORDS.finditer(text):
        word = match.group().lower()
        if word in again.words:
            yield *match.span(), "NAME"
        elif _BETWEEN.fullmatch(text, before[2], match.start()) and (
            (before[0], word) in again.pairs or (word, before[0]) in again.pairs
        ):
            yield before[1], match.end(), "NAME"
        before = (word, match.start(), match.end())
