"""Structure inside a text: `key=value`, URL parameters, JSON and what looks like it.

Invariant: a value is judged by its key as an attribute would be, and all of it goes or
none; a text that is cut off or malformed is read as far as it goes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil._phi_rules import RuleSet

Span = tuple[int, int, str]

_PAIR: Final = re.compile(
    r"([A-Za-z_](?:[\w.%-]|\[\w{0,32}\]){0,80})[\\\"')\]]{0,4} {0,2}([=:]) {0,2}"
    r"(?![=:/])",
    re.ASCII,
)
_PROSE: Final = frozenset(("NAME", "GEO"))
_WORDS: Final = re.compile(
    r"[^\s,;&|<>\"')}\]=]+(?:,? [A-Z][\w'.-]*(?![\w.'-]|\s{0,2}[=:])){0,4}", re.ASCII
)
_LOWER: Final = re.compile(r"(?: [a-z][a-z'-]*(?![\w.'-]|\s{0,2}[=:])){0,3}", re.ASCII)
_ONE: Final = re.compile(r"[^\s,;&|<>\"')}\]]+", re.ASCII)
_CLOSES: Final = {"(": ")", "[": "]", "{": "}"}


def pairs(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield the values in *text* whose keys are those of identifiers."""
    yield from _flat(rules, text)
    if "{" in text and ":" in text:
        yield from _nested(rules, text)


def _flat(rules: RuleSet, text: str) -> Iterator[Span]:
    at = 0
    brace = text.find("{") if ":" in text else -1
    while match := _PAIR.search(text, at):
        at = match.end(1)
        key = match.group(1)
        quoted = text[match.start() - 1 : match.start()] in ('"', "'")
        if quoted and 0 <= brace < at:
            continue  # a key inside an object: `_nested` knows its path
        note = rules.note(unquote(key) if "%" in key else key)
        if note.cls is None:
            continue
        start, end = _value(text, match.end(), note.cls, match.group(2))
        if _says_something(text[start:end], key, note.cls):
            yield start, end, note.cls
            at = max(at, end)


def _value(text: str, start: int, cls: str, separator: str) -> tuple[int, int]:
    """Return where the value that begins at *start* stands, without its quotes."""
    while text[start : start + 1] == "(":
        start += 1
    opener = re.match(r"\\{0,2}[\"'`]", text[start : start + 3])
    if opener:
        quote = opener.group()
        start += len(quote)
        end = text.find(quote, start)
        while end > 0 and len(quote) == 1 and text[end - 1] == "\\":
            end = text.find(quote, end + 1)
        return start, len(text) if end < 0 else end
    if text[start : start + 1] == "[" and cls != "PATIENT":
        return start, _closing(text, start)
    if text[start : start + 1] in ("{", "["):
        return start, start
    match = (_WORDS if cls in _PROSE else _ONE).match(text, start)
    if match is None:
        return start, start
    end = match.end()
    if separator == "=" and cls in _PROSE and (more := _LOWER.match(text, end)):
        end = more.end()
    return start, end


def _says_something(value: str, key: str, cls: str) -> bool:
    """Refuse what stands for a value: placeholders of templates and of SQL."""
    bare = value.strip(" .")
    if bare.lower() in ("", "?", "null", "none", "nan", "true", "false", "undefined"):
        return False
    if bare[0] in "{$<:?" or bare.startswith(("%s", "%(")):
        return False
    # a bare `name:` or `date:` in prose is anything's: a person's holds no digit
    lone = key.lower() in ("name", "user", "subject", "operator", "author", "address")
    return not (lone and cls in _PROSE and (any(c in "0123456789_/" for c in bare)))


def _closing(text: str, start: int) -> int:
    """Return the end of the bracket that opens at *start*, or of the text."""
    depth = 0
    for match in re.finditer(r"[\[\]{}()]", text[start:]):
        depth += 1 if match.group() in _CLOSES else -1
        if depth == 0:
            return start + match.end()
    return len(text)


_JSON: Final = re.compile(
    r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|([{}\[\],:])|([^\s{}\[\],:"\'\\]+)',
    re.ASCII,
)
_DEPTH: Final = 16  # objects above a value that say what it is
_KEY: Final = re.compile(r"[\w .\[\]%-]{1,80}", re.ASCII)
_KIND: Final = re.compile(r"[\"']resourceType[\"']\s{0,2}:\s{0,2}[\"']([A-Za-z]{1,40})")


def _nested(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield scalars of JSON-like objects by the path of keys that leads to them."""
    kind = _KIND.search(text)
    root = kind.group(1) if kind else ""
    stack: list[tuple[str, str]] = []  # each open bracket and the key that led to it
    key = ""
    last = ""
    for match in _JSON.finditer(text, text.find("{")):
        mark = match.group(3)
        if mark is None:
            group = match.lastindex or 4
            last = match.group(group)
            if key:
                above = (k for bracket, k in stack[-_DEPTH:] if bracket == "{")
                path = (root, *above, key)
                cls = rules.note(".".join(p for p in path if p)).cls
                if cls is not None and _says_something(last, key, cls):
                    yield *match.span(group), cls
        elif mark == ":":
            key = last if _KEY.fullmatch(last) else ""
            last = ""
        elif mark in "{[":
            last = ""
            stack.append((mark, key))
            key = key if mark == "[" else ""
        else:
            last = ""
            if mark in "}]" and stack:
                stack.pop()
            key = stack[-1][1] if stack and stack[-1][0] == "[" else ""
