"""HL7 v2 messages: identifiers by the field of the segment that they stand in.

Invariant: only fields of the table are judged here; what stands in others is left to
the rules of any text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from algovigil.phi.lexicon import GIVEN, SURNAME, kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.phi.rules import RuleSet

Span = tuple[int, int, str]

_SEGMENT: Final = re.compile(
    r"(?<![A-Za-z0-9|^])(?:MSH|EVN|PID|PD1|NK1|PV1|PV2|IN1|IN2|IN3|GT1|ORC|OBR|OBX|SCH|MRG|ROL"
    r"|STF|AIP|AIL|AIG|DG1|PR1|ACC|TXA|RXA|RXE|RXO|SPM|NTE|AL1|FT1|CTD|PRD|ARV|UB2|IAM|PRA|QRD"
    r"|DB1|NST|Z[A-Z0-9]{2})\|",
    re.ASCII,
)
_END: Final = re.compile(
    r"[\r\n]|\\[rn]|\\x0d|\\u000d|<CR>|\\X0D\\", re.ASCII | re.IGNORECASE
)
# segments about persons, where a field out of place still holds an identifier
_OF_PERSONS: Final = frozenset(
    ("PID", "PD1", "NK1", "PV1", "PV2", "IN1", "IN2", "IN3", "GT1", "MRG", "SCH", "ORC", "OBR", "ROL", "STF", "AIP")
)  # fmt: skip
_SHAPES: Final = tuple(
    (cls, re.compile(shape, re.ASCII))
    for cls, shape in (
        (
            "DATE",
            r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:[0-2]\d[0-5]\d(?:[0-5]\d)?(?:[+-]\d{4})?)?",
        ),
        ("SSN", r"\d{3}-\d\d-\d{4}"),
        ("PHONE", r"\(?\d{3}\)?[ .-]?\d{3}[.-]\d{4}(?:X\d+)?"),
        ("OTHER_ID", r"[A-Z]{0,4}-?\d{6,20}"),
        ("GEO", r"\d{1,6} [A-Z][\w .,#'-]{4,60}"),
    )
)
_PERSON: Final = re.compile(
    r"([A-Za-z'-]{2,30})\^([A-Za-z'-]{2,30})(?:\^[A-Za-z'.-]{0,30}){0,4}", re.ASCII
)
_ADDRESS: Final = re.compile(
    r"([^|^~]{2,80})\^([^|^~]{0,80})\^([A-Za-z .'-]{2,40})\^[A-Za-z ]{2,20}\^(\d{5}(?:-\d{4})?)(?:\^[^|~]{0,80})?",
    re.ASCII,
)
_DIGITS: Final = frozenset(("DATE", "BIRTH", "PHONE", "SSN"))
_DIGIT: Final = re.compile("[0-9]")
_STATE_AT: Final = frozenset((3, 5))  # components of an address that stay


def segments(text: str) -> tuple[tuple[int, int], ...]:
    """Return where the segments in *text* begin and end."""
    starts = list(_SEGMENT.finditer(text))
    found = []
    for i, match in enumerate(starts):
        stop = starts[i + 1].start() if i + 1 < len(starts) else len(text)
        end = _END.search(text, match.end(), stop)
        found.append((match.start(), end.start() if end else stop))
    return tuple(found)


def hl7(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield the identifiers in the segments of *text*."""
    for start, end in segments(text):
        table = rules.keys.fields.get(text[start : start + 3])
        if not table:
            continue
        at = start + 4
        number = 2 if text.startswith("MSH", start) else 1
        while at <= end:
            stop = text.find("|", at, end)
            stop = end if stop < 0 else stop
            what = table.get(number)
            if stop > at:
                fits = what is not None and (
                    what[0] not in _DIGITS or _DIGIT.search(text, at, stop)
                )
                if what is not None and fits:
                    yield from _field(text, at, stop, *what)
                elif text[start : start + 3] in _OF_PERSONS:
                    yield from _shaped(text, at, stop)
            at = stop + 1
            number += 1


def _shaped(text: str, start: int, end: int) -> Iterator[Span]:
    """Judge a field that is not in the table by its shape: senders miscount fields."""
    for first, last in _split(text, start, end, "~"):
        address = _ADDRESS.fullmatch(text, first, last)
        if address is not None:
            yield from ((*address.span(i), "GEO") for i in range(1, 5) if address[i])
            continue
        stop = text.find("^", first, last)
        head = text[first : last if stop < 0 else stop]
        cls = next((cls for cls, shape in _SHAPES if shape.fullmatch(head)), None)
        if cls is not None:
            yield first, first + len(head), cls
        # a person's number may stand before the name
        name = first + len(head) + 1 if cls == "OTHER_ID" else first
        person = _PERSON.match(text, name, last) if name < last else None
        if person is not None and any(
            kind(part.lower()) & (GIVEN | SURNAME) for part in person.groups()
        ):
            yield *person.span(), "NAME"


def _field(text: str, start: int, end: int, cls: str, shape: str) -> Iterator[Span]:
    """Yield the identifiers of a field, by each of its repetitions."""
    for first, last in _split(text, start, end, "~"):
        if text[first:last].strip('" ') == "":
            continue
        if shape == "w":
            stripped = last
            while stripped > first and text[stripped - 1] in "^ \"'":
                stripped -= 1
            yield first, stripped, cls
            continue
        for i, (a, b) in enumerate(_split(text, first, last, "^")):
            if a < b and _tells(shape, i):
                is_id = shape == "n" and i == 0 and text[a:b].strip()[-1:].isdigit()
                yield a, b, "OTHER_ID" if is_id else cls


@lru_cache(maxsize=64)
def _tells(shape: str, component: int) -> bool:
    """Return whether a component of a field of *shape* is part of the identifier."""
    if shape in ("i", "d"):
        return component == 0
    if shape == "n":
        return component < 4
    return component not in _STATE_AT and component < 10 and component != 6


def _split(text: str, start: int, end: int, mark: str) -> Iterator[tuple[int, int]]:
    while True:
        stop = text.find(mark, start, end)
        if stop < 0:
            yield start, end
            return
        yield start, stop
        start = stop + 1
