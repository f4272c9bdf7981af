"""XML: CDA, FHIR and anybody's, by the path of elements and attributes.

Invariant: no entity is expanded and no document fetched: tags are read one by one, as
far as the text goes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from algovigil.phi.pairs import says_something

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.phi.rules import RuleSet

Span = tuple[int, int, str]

_TAG: Final = re.compile(
    r"<(/?)([A-Za-z][\w.:-]{0,60})((?:\s{1,20}[\w.:-]{1,60}\s?=\s?(?:\"[^\"<]*\"|'[^'<]*')){0,40})\s{0,20}(/?)>",
    re.ASCII,
)
_ATTRIBUTE: Final = re.compile(
    r"([\w.:-]{1,60})\s?=\s?(?:\"([^\"<]*)\"|'([^'<]*)')", re.ASCII
)
_DEPTH: Final = 12
# attributes that say what an element is, not what it holds
_ABOUT: Final = frozenset(
    ("root", "code", "codesystem", "codesystemname", "displayname", "typecode", "classcode", "use",
     "type", "xmlns", "moodcode", "nullflavor", "unit", "determinercode", "contextcontrolcode",
     "assigningauthorityname", "xsi", "schemalocation", "version", "url", "system", "rel")
)  # fmt: skip
_BARE: Final = frozenset(("value", "extension"))


def xml(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield the texts and attributes of *text* whose path tells an identifier."""
    stack: list[str] = []
    opened = -1
    for tag in _TAG.finditer(text):
        closing, name, attributes, alone = tag.groups()
        name = name.rpartition(":")[2]
        if closing:
            if opened >= 0 and stack:
                yield from _judged(rules, text, opened, tag.start(), stack)
            while stack and stack.pop() != name:
                pass
            opened = -1
            continue
        if opened >= 0 and stack and text[opened : tag.start()].strip():
            yield from _judged(rules, text, opened, tag.start(), stack)
        stack.append(name)
        if attributes:
            yield from _attributes(rules, text, tag.start(3), tag.end(3), stack)
        opened = tag.end()
        if alone:
            stack.pop()
            opened = -1
    if opened >= 0 and stack:  # cut off
        yield from _judged(rules, text, opened, len(text), stack)


def _judged(
    rules: RuleSet, text: str, start: int, end: int, path: list[str]
) -> Iterator[Span]:
    cls = rules.keys.note(".".join(path[-_DEPTH:])).cls
    value = text[start:end]
    if cls is None or not says_something(value, path[-1], cls):
        return
    start += len(value) - len(value.lstrip())
    yield start, start + len(value.strip()), cls


def _attributes(
    rules: RuleSet, text: str, start: int, end: int, path: list[str]
) -> Iterator[Span]:
    for match in _ATTRIBUTE.finditer(text, start, end):
        name = match[1].rpartition(":")[2]
        lower = name.lower()
        group = 2 if match[2] is not None else 3
        if lower in _ABOUT or not match[group]:
            continue
        steps = path[-_DEPTH:] if lower == "value" else [*path[-_DEPTH:], name]
        cls = rules.keys.note(".".join(steps)).cls
        if cls is not None and says_something(match[group], name, cls):
            yield *match.span(group), cls
