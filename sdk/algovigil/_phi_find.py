"""Where identifiers are in a text: views, the confirmation of rules, and parsers.

Invariant: rules only ever see a view, which is plain ASCII, so that hyperscan, RE2 and
`re` cannot disagree about what a letter, a digit or a space is; a span found in a view
is mapped back to the text as it came.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from algovigil._phi_checks import CHECKS
from algovigil._phi_errors import errors
from algovigil._phi_pairs import pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from algovigil._phi_rules import Rule, RuleSet

_DONE: Final = re.compile(
    r"""[\["'`\\\s]*(?:\[[A-Z][A-Z_]{1,15}\]|90\+|)[\]"'`\\\s]*""", re.ASCII
)
_DIGIT: Final = re.compile("[0-9]")
_ESCAPED: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_BACKSLASH: Final = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|[\"'\\/nrt])")
_PLAIN: Final = {"\\n": "\n", "\\r": "\r", "\\t": "\t"}


MAX_CHARS: Final = 262_144
"""Texts longer than this are not searched for identifiers: they go."""


class Finding(NamedTuple):
    """An identifier at [start, end) of a text."""

    start: int
    end: int
    cls: str
    rule: str


@dataclass(frozen=True, slots=True)
class View:
    """A plain ASCII reading of a text; `at[i]` is where its character i came from."""

    text: str
    at: Sequence[int] | None = None
    """One more element than `text`; None when positions are those of the original."""

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return [start, end) of this view as positions of the original."""
        if self.at is None:
            return start, end
        return self.at[start], max(self.at[end], self.at[end - 1] + 1)


def views(text: str) -> tuple[View, ...]:
    """Return every reading of *text* that rules must see.

    The text itself, and when it holds them, the text with its percent escapes decoded
    and the text with its backslash escapes decoded.
    """
    first = View(text) if text.isascii() else _plain(text, None)
    found = [first]
    if "%" in text and _ESCAPED.search(text):
        found.append(_decoded(text, _ESCAPED, unquote))
    if "\\" in text and _BACKSLASH.search(text):
        found.append(_decoded(text, _BACKSLASH, _unescape))
    return tuple(found)


def _decoded(text: str, escape: re.Pattern[str], decode: Callable[[str], str]) -> View:
    parts: list[str] = []
    at: list[int] = []
    done = 0
    for match in escape.finditer(text):
        parts.append(text[done : match.start()])
        at.extend(range(done, match.start()))
        plain = decode(match.group())
        parts.append(plain)
        # the first character stands at the first escape, the rest spread evenly
        step = (match.end() - match.start()) / max(len(plain), 1)
        at.extend(match.start() + int(i * step) for i in range(len(plain)))
        done = match.end()
    parts.append(text[done:])
    at.extend(range(done, len(text) + 1))
    return _plain("".join(parts), at)


def _unescape(escape: str) -> str:
    if escape.startswith("\\u"):
        return chr(int(escape[2:], 16))
    return _PLAIN.get(escape, escape[1:])


def _plain(text: str, at: Sequence[int] | None) -> View:
    if text.isascii():
        return View(text, at)
    chars: list[str] = []
    places: list[int] = []
    for i, char in enumerate(text):
        plain = char if char < "\x80" else _ascii(char)
        chars.append(plain)
        places.extend([i if at is None else at[i]] * len(plain))
    places.append(len(text) if at is None else at[len(text)])
    return View("".join(chars), places)


@lru_cache(maxsize=4096)
def _ascii(char: str) -> str:
    """Return *char* as ASCII: one letter, digit, space or mark, or '' if invisible."""
    plain = []
    for part in unicodedata.normalize("NFKD", char):
        kind = unicodedata.category(part)
        if part < "\x80":
            plain.append(part)
        elif kind in ("Mn", "Cf", "Me"):
            continue
        elif kind == "Nd":
            plain.append(str(unicodedata.digit(part)))
        elif kind[0] == "L":
            plain.append("x" if kind == "Ll" else "X")
        elif kind[0] == "Z":
            plain.append(" ")
        elif kind == "Pd":
            plain.append("-")
        elif kind in ("Pi", "Pf"):
            plain.append("'" if part in "\u2018\u2019\u201a\u201b" else '"')
        else:
            plain.append("~")
    return "".join(plain)


def find(
    rules: RuleSet, text: str, *, trust: str, only: Iterable[int] | None = None
) -> list[Finding]:
    """Return what *text* holds, in order and without overlap.

    Args:
        rules: The rule set.
        text: Any text.
        trust: That of the key: `safe` keys are read by strong rules alone, and `error`
            texts are the words of an error from their first character.
        only: Indices of the rules that a prefilter left; None asks all.
    """
    wanted = rules.rules
    if only is not None:
        wanted = tuple(rules.rules[i] for i in sorted(set(only)))
    if trust == "safe":
        wanted = tuple(rule for rule in wanted if rule.strong)
    found: list[Finding] = []
    for view in views(text):
        for rule in wanted if only is not None else _possible(wanted, view.text):
            for start, end, cls in _spans(rules, rule, view.text, trust):
                start, end = view.origin(start, end)
                found.append(Finding(start, end, cls, rule.id))
    if trust == "error":
        for view in views(text):
            for start, end in errors(rules, view.text, trust):
                found.append(Finding(*view.origin(start, end), "DATA", "error"))
    return merge(f for f in found if not _is_done_at(text, f.start, f.end))


def _possible(rules: Iterable[Rule], text: str) -> Iterator[Rule]:
    lower = text.lower()
    has_digit = _DIGIT.search(text) is not None
    for rule in rules:
        needs = rule.needs
        fits = (
            has_digit if needs[:1] == ("0",) else any(word in lower for word in needs)
        )
        if fits or not needs:
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

    Of two that cover the same, a birth date tells more than a date, and a key more than
    a pattern.
    """
    merged: list[Finding] = []
    for finding in sorted(
        found, key=lambda f: (f.start, -f.end, f.cls != "BIRTH", f.rule != "pairs")
    ):
        last = merged[-1] if merged else None
        if last is None or finding.start >= last.end:
            merged.append(finding)
        elif finding.end > last.end:
            merged[-1] = last._replace(end=finding.end)
    return merged


Span = tuple[int, int, str]


def _spans(rules: RuleSet, rule: Rule, text: str, trust: str) -> Iterator[Span]:
    if rule.finder == "pairs":
        if "=" in text or ":" in text:
            yield from pairs(rules, text)
    elif rule.finder == "error":
        if trust != "error":
            yield from ((s, e, "DATA") for s, e in errors(rules, text, trust))
    else:
        yield from _matches(rules, rule, text)


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
