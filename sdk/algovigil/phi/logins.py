"""Logins, and names in lower case, after a word that says who follows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from algovigil.phi.lexicon import GIVEN, SURNAME, WORD, kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.phi.rules import RuleSet
    from algovigil.phi.words import Words

Span = tuple[int, int, str]

_LOGIN: Final = re.compile(
    r"\b(?:[Uu]ser(?:[ _]?(?:name|id))?|[Ll]og[io]ns?|[Ll]ogged in as|authenticated as|on behalf of|"
    r"[Ss]igned in as|[Ii]mpersonat(?:ed|ing)|[Ss]ession (?:for|of)|[Aa]ccount|[Ss]udo|[Ss]u|[Uu]id)"
    r"(?: (?:of|by|for|from|user|account|named|failed for|attempt by|is|as))?[ =:]{1,2}['\"(]?([a-z][a-z0-9_.-]{2,40})(?![A-Za-z0-9])",
    re.ASCII,
)
_LOWER: Final = re.compile(
    r"\b(?:patient|pt|mr|mrs|ms|dr|daughter|son|wife|husband|mother|father|name)\.?[: ]{1,2}"
    r"([a-z]{2,20} [a-z]{2,20})\b",
    re.ASCII | re.IGNORECASE,
)

HINT: Final = (
    r"[Uu]ser|[Ll]og[io]n|[Ll]ogged|uthenticated|behalf|[Ss]igned|mpersonat|[Ss]ession |[Aa]ccount|"
    r"[Ss]udo|[Ss]u[ =:]|[Uu]id|"
    r"(?:[Pp]atient|PATIENT|[Pp]t|PT|[Mm]rs?|MRS?|[Mm]s|MS|[Dd]r|DR|[Dd]aughter|DAUGHTER|[Ss]on|SON|[Ww]ife|WIFE|"
    r"[Hh]usband|HUSBAND|[Mm]other|MOTHER|[Ff]ather|FATHER|[Nn]ame|NAME)\.?[: ]{1,2}[a-z]{2,20} [a-z]{2}"
)
"""Fits in every text in which one of the two may fit."""


def logins(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield logins of persons, and names in lower case after a word for a person."""
    yield from _logins(rules.words, text)
    yield from _lower(text)


def _logins(words: Words, text: str) -> Iterator[Span]:
    """Yield logins, those of machines aside."""
    for match in _LOGIN.finditer(text):
        login = match[1].rstrip(".-")
        parts = re.split(r"[._-]", login.lower())
        told = any(part in words.machines or part in words.stops for part in parts)
        if told or all(kind(part) & WORD for part in parts if part):
            continue
        if len(parts) > 1 and any(kind(part) & WORD for part in parts if len(part) > 3):
            continue
        yield match.start(1), match.start(1) + len(login), "USER"


def _lower(text: str) -> Iterator[Span]:
    for match in _LOWER.finditer(text):
        if match[1].islower():
            first, last = map(kind, match[1].split(" "))
            if first & GIVEN and last & SURNAME and not (first | last) & WORD:
                yield *match.span(1), "NAME"
