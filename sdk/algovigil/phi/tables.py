"""Rows of tables: CSV, TSV and the like, by their header or by what stands in a row.

With a header each cell is judged by its column. Without one a row of a person is told
by its company: a cell that looks like a name, an id or a place goes when two cells of
other classes stand beside it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from algovigil.phi.lexicon import GIVEN, SURNAME, TOWN, WORD, kind
from algovigil.phi.pairs import says_something

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from algovigil.phi.rules import RuleSet

Span = tuple[int, int, str]

_ROWS: Final = 20_000
_CELLS: Final = 200
_DATE: Final = re.compile(
    r"(?:19|20)\d\d[-/.]?[01]\d[-/.]?[0-3]\d|[0-3]?\d[-/.][0-3]?\d[-/.](?:19|20)?\d\d"
    r"|[A-Z][a-z]{2,8}\.? [0-3]?\d,? (?:19|20)\d\d|[0-3]?\d[ -][A-Z][a-z]{2,8}[ -](?:19|20)\d\d",
    re.ASCII,
)
_SURE: Final = {
    "SSN": re.compile(r"\d{3}-\d\d-\d{4}", re.ASCII),
    "EMAIL": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII),
    "PHONE": re.compile(r"(?:\+?1[ .-]?)?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?: ?x ?\d{1,6})?|\+\d[\d .()-]{7,16}", re.ASCII),
    "DATE": _DATE,
    "ZIP": re.compile(r"\d{5}(?:-\d{4})?", re.ASCII),
    "ID": re.compile(r"[A-Za-z]{0,5}[-_#]?\d{5,14}(?:-\d{1,6})?|\d{2,5}-\d{2,5}(?:-\d{2,5})?|[A-Za-z]{1,5}-?\d{2,4}-\d{3,8}", re.ASCII),
    "STREET": re.compile(r"\d{1,6} [NSEW]?\.? ?[A-Z0-9][\w.' -]{3,50}", re.ASCII),
}  # fmt: skip
_OLD: Final = re.compile("9[0-9]|1[0-4][0-9]")
_SEX: Final = re.compile("m|f|male|female", re.IGNORECASE)
_NAME: Final = re.compile(
    r"[A-Za-z][A-Za-z'-]{1,25}\.?(?:[ ,^]{1,2}[A-Za-z][A-Za-z'-]{0,25}\.?){0,3}",
    re.ASCII,
)
_WORDS: Final = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*", re.ASCII)
_COMPASS: Final = frozenset(
    (
        "new",
        "north",
        "south",
        "east",
        "west",
        "old",
        "saint",
        "st",
        "fort",
        "port",
        "lake",
        "mount",
    )
)
_MARKS: Final = ",|\t;"
_HEAD: Final = re.compile(r"[\"']?[A-Za-z_][\w .#/()-]{0,40}[\"']?", re.ASCII)


class Cell(NamedTuple):
    """A cell, without its quotes."""

    start: int
    end: int
    text: str


def tables(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield the identifiers in rows of *text*."""
    if "{" in text[:200] or ("=" in text[:200] and "|" not in text):
        return
    lines = list(_lines(text))
    mark = max(_MARKS, key=lambda m: text.count(m, lines[0][0], lines[0][1]))
    rows = [_cells(text, start, end, mark) for start, end in lines[:_ROWS]]
    head = rows[0]
    width = len(head)
    if len(rows) > 1 and width > 1 and all(_HEAD.fullmatch(c.text) for c in head):
        notes = [rules.keys.note(cell.text.strip()).cls for cell in head]
        if any(notes) and abs(len(rows[1]) - width) < 2:
            for row in rows[1:]:
                yield from _by_column(head, notes, row)
            return
    for row in rows:
        if len(row) > 3 or (len(row) > 2 and mark in "\t|"):
            yield from _by_company(rules, row)


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in re.finditer(r"\r?\n", text):
        if match.start() > start:
            yield start, match.start()
        start = match.end()
    if start < len(text) or not text:
        yield start, len(text)


def _cells(text: str, start: int, end: int, mark: str) -> list[Cell]:
    found: list[Cell] = []
    at = start
    while at <= end and len(found) < _CELLS:
        quoted = text[at : at + 1] == '"'
        close = text.find('"', at + 1, end) if quoted else -1
        while close >= 0 and text[close + 1 : close + 2] == '"':
            close = text.find('"', close + 2, end)
        if close >= 0 and text[close + 1 : close + 2] in (mark, "", "\n", "\r"):
            found.append(Cell(at + 1, close, text[at + 1 : close]))
            at = close + 2
            continue
        stop = text.find(mark, at, end)
        stop = end if stop < 0 else stop
        bare = text[at:stop]
        left = at + len(bare) - len(bare.lstrip())
        found.append(Cell(left, left + len(bare.strip()), bare.strip()))
        at = stop + 1
    return found


def _by_column(
    head: Sequence[Cell], notes: Sequence[str | None], row: Sequence[Cell]
) -> Iterator[Span]:
    for i, cell in enumerate(row[: len(notes)]):
        cls = notes[i]
        if cls is not None and says_something(cell.text, head[i].text, cls):
            yield cell.start, cell.end, cls


def _by_company(rules: RuleSet, row: Sequence[Cell]) -> Iterator[Span]:
    if any(len(cell.text) > 60 for cell in row):
        return
    kinds = [_kind(rules, cell.text) for cell in row]
    named = kinds.count("NAME")
    dated = "DATE" in kinds
    company = len(
        {kind for kind in kinds if kind in ("SSN", "EMAIL", "PHONE", "STREET")}
    )
    company += dated + (named > 0) + ("ID" in kinds)
    if company < 2 or not (named or company > 2):
        return
    for i, (cell, what) in enumerate(zip(row, kinds, strict=True)):
        if what == "ZIP":
            # five digits are a zip code after a state, and an id otherwise
            after = i > 0 and row[i - 1].text.lower() in rules.words.states
            yield cell.start, cell.end, "ZIP" if after else "OTHER_ID"
        elif what is not None and what != "WORD":
            cls = {"ID": "MRN" if i < 2 else "OTHER_ID", "STREET": "GEO"}.get(
                what, what
            )
            yield cell.start, cell.end, cls
        elif what == "WORD" and _is_place(rules, row, i):
            yield cell.start, cell.end, "GEO"
        elif _OLD.fullmatch(cell.text) and any(
            _SEX.fullmatch(near.text) for near in row[max(0, i - 1) : i + 2]
        ):
            yield cell.start, cell.end, "AGE"


def _is_place(rules: RuleSet, row: Sequence[Cell], i: int) -> bool:
    """Return whether a cell of words stands before a state or after a street."""
    after = row[i + 1].text.split(" ")[0].lower() if i + 1 < len(row) else ""
    before = row[i - 1].text if i else ""
    known = after in rules.words.states or after in rules.words.state_names
    return known or _SURE["STREET"].fullmatch(before) is not None


def _kind(rules: RuleSet, text: str) -> str | None:
    for name, pattern in _SURE.items():
        if pattern.fullmatch(text):
            return name
    if not _NAME.fullmatch(text):
        return None
    words = [w for w in _WORDS.findall(text) if len(w) > 1]
    lower = [word.lower() for word in words]
    if not words or any(w in rules.words.states for w in lower):
        return None
    if any(w in rules.words.stops and w not in _COMPASS for w in lower):
        return "WORD" if kind("".join(lower)) & TOWN else None
    found = [kind(word.replace("'", "").replace("-", "")) for word in lower]
    named = all(f & (GIVEN | SURNAME) for f in found)
    strong = any(f & (GIVEN | SURNAME) and not f & WORD for f in found)
    if named and (strong or text.isupper() or (text.istitle() and len(words) > 1)):
        return "NAME"
    capital = text[0].isupper() and (
        text[1:].islower() or text.isupper() or len(words) > 1
    )
    if capital and not any(f & WORD for f in found) and len(text) > 2:
        return "NAME" if any(found) or text.istitle() else "WORD"
    if capital and named:
        return (
            "NAME"
            if len(words) == 1 and any(f & GIVEN for f in found) and not text.isupper()
            else "WORD"
        )
    return "WORD" if capital else None
