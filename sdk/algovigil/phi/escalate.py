"""Company: beside two identifiers of other classes more is taken for one.

A long number alone is a count, a size or a clock; in a text that holds a name and a
date of birth it is the number of that person.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from algovigil.phi.lexicon import TOWN, WORD, kind
from algovigil.phi.names import names
from algovigil.phi.people import people, spread

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
_TELLING_NOTHING: Final = frozenset(("TOKEN", "DATA", "CREDENTIAL", "UID"))
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
    r"(?:\b(?:from|in|near|of|to|at)|,) ([A-Z][a-z]{2,20}(?: [A-Z][a-z]{2,20}){0,2})(?![\w-])",
    re.ASCII,
)
_AFTER_STREET: Final = re.compile(
    r"(?:,? | in )([A-Z][a-z]{2,20}(?: [A-Z][a-z]{2,20}){0,2})(?![\w-])", re.ASCII
)
_AGE: Final = re.compile(r", (9[0-9]|1[0-4][0-9])(?=[,;)]| ?[FM]\b)", re.ASCII)
# `MRN 4711081 -> 4711093`, `MRNs 4711081, 4711093 and 4711101`
_ANOTHER: Final = re.compile(
    r"(?: ?(?:->|=>|[,;/&+]|and|or|to|into|with|vs\.?|from)){1,2} ?([A-Z]{0,3}[0-9]{5,12})(?![A-Za-z0-9%]|[.,-][0-9])",
    re.ASCII,
)
_LONG: Final = 20_000
_RECORDS: Final = frozenset(("MRN", "PATIENT", "ENCOUNTER"))
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
    classes = {f.cls for f in found}
    company = _is_company(classes) and not (
        "|" in text and any(f.rule == "hl7" for f in found)
    )
    persons = [text[f.start : f.end] for f in found if f.cls == "NAME"]
    if persons and _is_repeated(persons, text):
        yield from spread(people(rules.words, persons), text)
    for f in found:
        if f.cls == "NAME":
            yield from _beside_person(text, f)
        elif f.cls in _RECORDS:
            yield from _others(text, f.end, f.cls)
        elif f.rule == "street":
            yield from _known_town(rules, _AFTER_STREET.match(text, f.end))
    if len(text) < _LONG and (company or persons or "BIRTH" in classes):
        yield from _towns(rules, text, unknown=company)
    if "GEO" in classes or "ZIP" in classes:
        yield from ((*match.span(), "GEO") for match in _POINT.finditer(text))
    if not company:
        return
    if len(text) < _LONG:
        yield from names(reading, bold=True)
    for match in _NUMBER.finditer(text):
        before = text[max(0, match.start() - 24) : match.start()]
        if not _CODE.search(before) and not _UNIT.match(text, match.end()):
            yield *match.span(), "OTHER_ID"


def _is_company(classes: set[str]) -> bool:
    """Return whether two *classes* stand here, one of which tells a person."""
    return bool(classes - _WEAK) and len(classes - _TELLING_NOTHING) > 1


def _is_repeated(persons: Sequence[str], text: str) -> bool:
    """Return whether a word of *persons*, who stand in *text*, may stand there again."""
    lower = text.lower()
    words = [word for name in persons for word in _WORD.findall(name.lower())]
    return any(lower.count(word) > 1 for word in words)


def _beside_person(text: str, person: Finding) -> Iterator[Span]:
    """Yield a number in brackets, and an age over 89, right beside a *person*."""
    if (old := _AGE.match(text, person.end)) is not None:
        yield *old.span(1), "AGE"
    if (beside := _BESIDE.match(text, person.end)) is not None:
        yield *beside.span(1), "OTHER_ID"
        return
    ahead = _AHEAD.search(text, max(0, person.start - 20), person.start)
    if ahead is not None:
        yield *ahead.span(1), "OTHER_ID"


def _others(text: str, at: int, cls: str) -> Iterator[Span]:
    """Yield the numbers that a number of a record, which ends at *at*, is listed with."""
    while (another := _ANOTHER.match(text, at)) is not None:
        yield *another.span(1), cls
        at = another.end()


def _known_town(rules: RuleSet, match: re.Match[str] | None) -> Iterator[Span]:
    """Yield the words of *match*, up to the last, that are a town's name."""
    if match is None:
        return
    words = match[1].split(" ")
    for count in range(len(words), 0, -1):
        name = " ".join(words[:count])
        if kind(name.replace(" ", "")) & TOWN:
            # `at Lakeside Clinic`
            thing = words[count : count + 1]
            if not thing or thing[0].lower() not in rules.words.eponym_after:
                yield match.start(1), match.start(1) + len(name), "GEO"
            return


def _towns(rules: RuleSet, text: str, *, unknown: bool) -> Iterator[Span]:
    """Yield the towns of the lexicon after a preposition or a comma.

    Args:
        rules: The rule set.
        text: A view.
        unknown: Words there that no list knows are taken for one too: mostly they are.
    """
    for match in _TOWN.finditer(text):
        known = list(_known_town(rules, match))
        if known or not unknown:
            yield from known
            continue
        words = match[1].lower().split(" ")
        listed = any(word in rules.words.stops or kind(word) & WORD for word in words)
        if not listed and match.group()[0] != ",":
            yield *match.span(1), "GEO"
