"""Where identifiers are in a text: the confirmation of rules, parsers, escalation.

Invariant: rules see views only (`views`), and a span found in a view is mapped back to
the text as it came; what is found is in order and does not overlap.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from algovigil.phi.checks import CHECKS
from algovigil.phi.dicom import dicom
from algovigil.phi.encoded import encoded
from algovigil.phi.errors import errors
from algovigil.phi.escalate import escalated
from algovigil.phi.hl7 import hl7, segments
from algovigil.phi.logins import logins
from algovigil.phi.names import Reading, names
from algovigil.phi.pairs import pairs
from algovigil.phi.paths import paths
from algovigil.phi.sql import sql
from algovigil.phi.tables import tables
from algovigil.phi.views import views
from algovigil.phi.xml import xml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from algovigil.phi.rules import Rule, RuleSet

MAX_CHARS: Final = 262_144
"""Texts longer than this are not searched for identifiers: they go."""

_DONE: Final = re.compile(
    r"""[\["'`\\\s]*(?:\[[A-Z][A-Z_]{1,15}\]|90\+|)[\]"'`\\\s]*""", re.ASCII
)
_DIGIT: Final = re.compile("[0-9]")

Span = tuple[int, int, str]
_PARSERS: Final[dict[str, Callable[[RuleSet, str], Iterator[Span]]]] = {
    "pairs": pairs,
    "hl7": hl7,
    "dicom": dicom,
    "xml": xml,
    "sql": sql,
    "table": tables,
    "path": paths,
    "logins": logins,
}
_STRUCTURES: Final = frozenset((*_PARSERS, "names"))

# parsers that are asked only where their pattern says so; of the others it is too long
_HINTED: Final = frozenset((*_PARSERS, "base64")) - {"pairs"}
# parsers whose pattern asks for the first line of a text: a prefilter sees lines only
_FIRST_LINE: Final = frozenset(("table",))
_SHAPES: Final = frozenset(("names", "logins", "path", "table"))

_YEARS: Final = {"BIRTH": 1, "DATE": 2}


class Finding(NamedTuple):
    """An identifier at [start, end) of a text."""

    start: int
    end: int
    cls: str
    rule: str


def find(
    rules: RuleSet, text: str, *, trust: str, only: Iterable[int] | None = None
) -> list[Finding]:
    """Return what *text* holds, in order and without overlap.

    Args:
        rules: The rule set.
        text: Any text.
        trust: That of the key: `safe` keys are read by strong rules alone, and `error`
            texts are the words of an error from their first character.
        only: Indices of the rules that a prefilter left, ascending; None asks all.
    """
    wanted: Iterable[Rule] = rules.rules
    if only is not None:
        wanted = tuple(map(rules.rules.__getitem__, only))
    if trust == "safe":
        wanted = tuple(rule for rule in wanted if rule.strong)
    found: list[Finding] = []
    for view in views(text):
        reading = Reading(rules.words, view.text)
        mine = list(_in_view(rules, wanted, reading, trust, asked=only is not None))
        if mine and trust != "safe":
            seen = {finding[:3] for finding in mine}
            mine += [
                Finding(*span, "escalated")
                for span in escalated(rules, reading, tuple(mine))
                if span not in seen
            ]
        if view.at is None:
            found += mine
        else:
            found += (Finding(*view.origin(f.start, f.end), *f[2:]) for f in mine)
    if not found:
        return found
    return merge(f for f in found if not _is_done_at(text, f.start, f.end))


def _in_view(
    rules: RuleSet,
    wanted: Iterable[Rule],
    reading: Reading,
    trust: str,
    *,
    asked: bool,
) -> Iterator[Finding]:
    text = reading.text
    covered = segments(text) if "|" in text else ()
    for rule in wanted if asked else _possible(wanted, text):
        if rule.finder == "base64":
            if trust != "safe":
                for start, end in encoded(rules, text, find):
                    yield Finding(start, end, "DATA", rule.id)
            continue
        if asked and rule.finder in _FIRST_LINE and not rule.compiled.search(text):
            continue
        for start, end, cls in _spans(rules, rule, reading, trust):
            # inside a segment of HL7 its fields say what is a person, not shapes
            if (
                covered
                and rule.finder in _SHAPES
                and any(a <= start < b for a, b in covered)
            ):
                continue
            yield Finding(start, end, cls, rule.id)
    if trust == "error":
        for start, end in errors(rules, text, trust):
            yield Finding(start, end, "DATA", "error")


def _possible(rules: Iterable[Rule], text: str) -> Iterator[Rule]:
    lower = text.lower()
    has_digit = _DIGIT.search(text) is not None
    for rule in rules:
        needs = rule.needs
        fits = (
            has_digit if needs[:1] == ("0",) else any(word in lower for word in needs)
        )
        if (fits or not needs) and (
            rule.finder not in _HINTED or rule.compiled.search(text)
        ):
            yield rule


def is_done(value: str) -> bool:
    """Return whether *value* is nothing but what redaction leaves behind."""
    if value[:1].isalpha():
        return False
    return _DONE.fullmatch(value) is not None


def _is_done_at(text: str, start: int, end: int) -> bool:
    inside = text[start - 1 : start] == "[" and text[end : end + 1] == "]"
    return is_done(text[start - 1 : end + 1] if inside else text[start:end])


def merge(found: Iterable[Finding]) -> list[Finding]:
    """Return *found* in order; of overlapping findings one that covers them all.

    Of two that cover the same, what goes wholly comes before what leaves a year, and a
    structure before a pattern.
    """
    merged: list[Finding] = []
    for finding in sorted(found, key=_place):
        last = merged[-1] if merged else None
        if last is None or finding.start >= last.end:
            merged.append(finding)
        elif finding.end > last.end:
            merged[-1] = last._replace(end=finding.end)
    return merged


def _place(finding: Finding) -> tuple[int, int, int, bool]:
    start, end, cls, rule = finding
    return start, -end, _YEARS.get(cls, 0), rule not in _STRUCTURES


def _spans(rules: RuleSet, rule: Rule, reading: Reading, trust: str) -> Iterable[Span]:
    text = reading.text
    parser = _PARSERS.get(rule.finder)
    if parser is not None:
        return parser(rules, text)
    if rule.finder == "names":
        return names(reading)
    if rule.finder != "error":
        return _matches(rules, rule, text)
    if trust == "error":
        return ()
    return ((s, e, "DATA") for s, e in errors(rules, text, trust))


def _matches(rules: RuleSet, rule: Rule, text: str) -> Iterator[Span]:
    at = 0
    group = 1 if rule.compiled.groups else 0
    while match := rule.compiled.search(text, at):
        start, end = match.span(group)
        if rule.finder == "rest":
            start, end = match.end(), _until(text, match.end(), "\n")
        elif rule.finder == "parameter":
            start, end = match.end(), _until(text, match.end(), "&\n\"' ")
        for check in rule.check:
            if start < end:
                start, end = CHECKS[check](rules, text, start, end)
        if start < end:
            yield start, end, rule.cls
            at = max(end, match.start() + 1)
        else:
            at = match.start() + 1


def _until(text: str, start: int, stops: str) -> int:
    return min((i for s in stops if (i := text.find(s, start)) >= 0), default=len(text))
