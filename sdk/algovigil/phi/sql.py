"""SQL statements: literals by the column that they are compared with or put into.

Invariant: a literal is judged by its column as an attribute would be; names of columns,
functions and tables stay.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from algovigil.phi.pairs import says_something

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.phi.rules import RuleSet

Span = tuple[int, int, str]

_LITERAL: Final = r"(?:[NE]?'(?:[^'\\]|''|\\.)*'|-?\b\d[\d.-]*\b)"
_COLUMN: Final = r"[`\"\[]?([A-Za-z_][\w$.]{0,80})[`\"\]]?"
_COMPARED: Final = re.compile(
    _COLUMN
    + r"\)?\s{0,4}(?:::\w+\s?)?(?:=|<>|!=|<=|>=|<|>|\b(?:NOT\s{1,4})?(?:I?LIKE|REGEXP|IN|BETWEEN|SIMILAR TO|IS)\b)"
    r"\s{0,4}(?:(?:LOWER|UPPER|TRIM|DATE|TO_DATE|CAST|TIMESTAMP|ANY|CONVERT)\s?)?\(?\s{0,4}("
    + _LITERAL
    + r"(?:\s{0,4}(?:,|AND)\s{0,4}"
    + _LITERAL
    + r"){0,50})",
    re.ASCII | re.IGNORECASE,
)
_INSERT: Final = re.compile(
    r"\b(?:INTO|REPLACE)\s{1,4}([\w.`\"\[\]]{1,80})\s{0,4}\(([^()]{1,4000})\)\s{0,4}(?:OUTPUT [^()]{1,80})?VALUES\s{0,4}\(",
    re.ASCII | re.IGNORECASE,
)
_VALUE: Final = re.compile(
    r"\s*(?:(?:DATE|TIMESTAMP)\s)?("
    + _LITERAL
    + r"|[^,()']*(?:\([^()]*\))?[^,()']*)\s*(,|\)|$)",
    re.ASCII | re.IGNORECASE,
)
_ONE: Final = re.compile(_LITERAL, re.ASCII)
_ROW: Final = re.compile(r"\s*,\s*\(", re.ASCII)
_MOST: Final = 10_000  # values of a statement that are read by column


def sql(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield the literals in *text* whose column tells an identifier."""
    for match in _COMPARED.finditer(text):
        cls = rules.keys.note(match[1]).cls
        if cls is not None:
            for literal in _ONE.finditer(text, *match.span(2)):
                yield from _judged(text, *literal.span(), match[1], cls)
    for match in _INSERT.finditer(text):
        columns = [name.strip(' `"[]\n\t') for name in match[2].split(",")]
        notes = [rules.keys.note(name).cls for name in columns]
        yield from _inserted(text, match.end(), columns, notes)


def _inserted(
    text: str, at: int, columns: list[str], notes: list[str | None]
) -> Iterator[Span]:
    """Yield the values of an INSERT, row by row, that stand in telling columns."""
    column = 0
    for _ in range(_MOST):
        match = _VALUE.match(text, at)
        if match is None:
            return
        if column < len(notes) and (cls := notes[column]) is not None and match[1]:
            yield from _judged(text, *match.span(1), columns[column], cls)
        column += 1
        at = match.end()
        if match[2] != ",":
            column = 0
            following = _ROW.match(text, at)
            if following is None:
                return
            at = following.end()


def _judged(text: str, start: int, end: int, column: str, cls: str) -> Iterator[Span]:
    if text[start] in "NE":
        start += 1
    if text[start] == "'":
        start, end = start + 1, max(start + 1, end - 1)
    while start < end and text[start] in "%_^":
        start += 1
    while end > start and text[end - 1] in "%_$":
        end -= 1
    if says_something(text[start:end], column, cls):
        yield start, end, cls
