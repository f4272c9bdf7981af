"""Dumps of DICOM data sets: identifiers by the tag of the element before them.

Read are the forms of pydicom, dcmdump, gdcmdump and of log lines: `(0010,0010) ...`,
`0010,0010 = ...`, `0x00100010: ...`. DICOM JSON is JSON, and its tags are keys.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.phi.rules import RuleSet

Span = tuple[int, int, str]

_TAG: Final = re.compile(
    r"(?<![0-9A-Za-z.,])[(\[<]?(?:(?:0x)?([0-9A-Fa-f]{4}), ?(?:0x)?|0x([0-9A-Fa-f]{4}))([0-9A-Fa-f]{4})[)\]>]?(?![0-9A-Za-z])",
    re.ASCII,
)
_VALUES: Final = (
    re.compile(
        r"[^\[\n]{0,80}?\b[A-Z]{2}\b[^\[\n:=]{0,12}\[([^\]\n]*)\]", re.ASCII
    ),  # dcmdump
    re.compile(r"[^'\n]{0,80}?[:=] ?'([^\n]*?)'(?=\s|$|[,;)\]])", re.ASCII),
    re.compile(r'[^"\n]{0,80}?[:=] ?"([^\n]*?)"(?=\s|$|[,;)\]])', re.ASCII),
    re.compile(r"[^\[\n:=]{0,80}\[([^\]\n]*)\]", re.ASCII),
    re.compile(r"[^:=\n]{0,80}[:=] ?([^\n#]*[^\n#\s])", re.ASCII),
    re.compile(r"\s+[A-Z]{2}\s+(?:\d+\s+)?([^\n#]*[^\n#\s])", re.ASCII),
    re.compile(r"\s+([^\n#]*[^\n#\s])", re.ASCII),
)


def dicom(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield the values of elements that identify."""
    tags = list(_TAG.finditer(text))
    for i, tag in enumerate(tags):
        cls = rules.keys.elements.get(((tag[1] or tag[2]) + tag[3]).lower())
        if cls is None or cls == "COMMENT":
            continue
        line = text.find("\n", tag.end())
        stop = len(text) if line < 0 else line
        if i + 1 < len(tags) and tags[i + 1].start() < stop:
            # a second element on the line, unless it is part of the value
            stop = tags[i + 1].start()
        for form in _VALUES:
            match = form.match(text, tag.end(), stop)
            if match is not None:
                start, end = match.span(1)
                if text[start:end].strip():
                    yield start, end, cls
                break
