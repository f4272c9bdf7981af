"""Company: beside two identifiers of other classes more is taken for one.

A long number alone is a count, a size or a clock; in a text that holds a name and a
date of birth it is the number of that person.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from algovigil.phi.lexicon import WORD, kind
from algovigil.phi.names import names, people, spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from algovigil.phi.find import Finding
    from algovigil.phi.names import Reading
    from algovigil.phi.rules import RuleSet

Span = tuple[int, int, str]

_WEAK: Final = frozenset(
    (
        "TOKEN",
        "DATA",
        "CREDENTIAL",
        "UID",
        "IP",
        "DATE",
        "AGE",
        "OTHER_ID",
        "USER",
        "DEVICE",
    )
)
_NUMBER: Final = re.compile(
    r"(?<![A-Za-z0-9.$%:+-])(?:[A-Z]{1,4}-?)?[0-9]{6,14}(?![A-Za-z0-9%]|[.,][0-9]|-[0-9A-Z]|[\"']\s?:)",
    re.ASCII,
)
# a number in brackets after a person
_BESIDE: Final = re.compile(
    r"['\"]?,? {0,2}[(\[#|<](?:#|id|no\.?|mrn|pt|nr)?[ :=#]{0,2}([A-Z]{0,3}-?[0-9]{4,12})\b",
    re.ASCII | re.IGNORECASE,
)
_WORD: Final = re.compile("[a-z]+", re.ASCII)
_POINT: Final = re.compile(
    r"(?<![\d.])-?\d{1,2}\.\d{3,8}, ?-?\d{1,3}\.\d{3,8}(?![\d.])", re.ASCII
)
_TOWN: Final = re.compile(
    r"\b(?:from|in|near|of|to) ([A-Z][a-z]{3,20}(?: [A-Z][a-z]{3,20})?)(?![\w-])",
    re.ASCII,
)
_AHEAD: Final = re.compile(
    r"(?<![A-Za-z0-9.-])([A-Z]{0,3}-?[0-9]{5,12})['\"]?,? {0,2}[(\[|/-]{1,2} ?$",
    re.ASCII,
)
# codes of terminologies, and what measures: `LOINC 2345-7`, `"code":"44054006"`
_CODE: Final = re.compile(
    r"(?:loinc|snomed(?:[ -]?ct)?|icd(?:-?(?:9|10)(?:-?cm)?)?|rxnorm|cpt|ndc|code|sctid|cui|hcpcs|atc|version|ver|"
    r"bytes|size|ts|time|timestamp|epoch|count|total|duration|offset|port|seed|steps?|build|took|latency)"
    r"[\"'\s:=#^|]{0,4}$",
    re.ASCII | re.IGNORECASE,
)
_UNIT: Final = re.compile(
    r"\s?(?:bytes|ms|us|ns|kb|mb|gb|rows|spans|steps|tokens|k/ul|/ul|cells|copies)\b|\^[^|^]*\^(?:LN|SCT|I10|I9|RXN|CPT|L)\b",
    re.ASCII | re.IGNORECASE,
)


def escalated(
    rules: RuleSet, reading: Reading, found: Sequence[Finding]
) -> Iterator[Span]:
    """Yield what more is taken for an identifier, beside what was *found*."""
    text = reading.text
    persons = [text[f.start : f.end] for f in found if f.cls == "NAME"]
    if persons:
        if _is_repeated(persons, text):
            yield from spread(people(rules.words, persons), text)
        for f in found:
            if f.cls == "NAME" and (beside := _BESIDE.match(text, f.end)) is not None:
                yield *beside.span(1), "OTHER_ID"
            elif f.cls == "NAME":
                ahead = _AHEAD.search(text, max(0, f.start - 20), f.start)
                if ahead is not None:
                    yield *ahead.span(1), "OTHER_ID"
    if any(f.cls in ("GEO", "ZIP") for f in found):
        yield from ((*match.span(), "GEO") for match in _POINT.finditer(text))
    told = {f.cls for f in found} - _WEAK
    others = {f.cls for f in found} - {"TOKEN", "DATA", "CREDENTIAL", "UID"}
    if (
        not told
        or len(others) < 2
        or ("|" in text and any(f.rule == "hl7" for f in found))
    ):
        return
    if len(text) < 20_000:
        yield from names(reading, bold=True)
        yield from _towns(rules, text)
    for match in _NUMBER.finditer(text):
        before = text[max(0, match.start() - 24) : match.start()]
        if not _CODE.search(before) and not _UNIT.match(text, match.end()):
            yield *match.span(), "OTHER_ID"


def _is_repeated(persons: Sequence[str], text: str) -> bool:
    """Return whether a word of *persons*, who stand in *text*, may stand there again."""
    lower = text.lower()
    words = [word for name in persons for word in _WORD.findall(name.lower())]
    return any(lower.count(word) > 1 for word in words)


def _towns(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield words after a preposition that no list knows: a place, mostly."""
    for match in _TOWN.finditer(text):
        words = match[1].lower().split(" ")
        if all(
            word not in rules.words.stops and not kind(word) & WORD for word in words
        ):
            yield *match.span(1), "GEO"
