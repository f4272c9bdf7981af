"""What a match of a rule must also be: checksums, ranges, neighbours.

A check takes (rules, text, start, end) and returns the span to keep; an empty span
refuses the match. Invariant: no check reads more of the text than a few neighbours.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from algovigil._phi_rules import RuleSet

Check: TypeAlias = Callable[["RuleSet", str, int, int], tuple[int, int]]


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _edges(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse a piece of a longer number, and the end of a word."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isalnum() or after.isdigit():
        return start, start
    if before in (".", "-") and text[start - 2 : start - 1].isdigit():
        return start, start
    if after in (".", "-") and text[end + 1 : end + 2].isdigit():
        return start, start
    return start, end


def _ssn(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    area, group, serial = re.split("[- ]", text[start:end])
    never = area in ("000", "666") or group == "00" or serial == "0000"
    return (start, start) if never else (start, end)


def _luhn(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    digits = [int(c) for c in _digits(text[start:end])]
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    fits = (sum(doubled) + sum(digits[::-2])) % 10 == 0
    return (start, end) if fits and len(digits) >= 13 else (start, start)


def _phone(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    digits = _digits(text[start:end])
    return (start, end) if 8 <= len(digits) <= 15 else (start, start)


def is_loopback(value: str) -> bool:
    """Return whether *value* is an address of the machine itself: it tells nothing."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return value in ("localhost", "testclient")
    return address.is_loopback or address.is_unspecified


def _ip(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    if text[start - 1 : start] == "/" and text[start - 2 : start] != "//":
        return start, start  # a version, as in `Chrome/120.0.0.0`
    try:
        ipaddress.ip_address(text[start:end])
    except ValueError:
        return start, start
    return (start, start) if is_loopback(text[start:end]) else (start, end)


def _date(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse the date of a log line's own timestamp: a time of day follows it."""
    stamped = re.match(r"[T ]\d\d:\d\d", text[end : end + 6]) is not None
    return (start, start) if stamped else (start, end)


def _age(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    return (start, start) if text[end : end + 1] in ("+", "%") else (start, end)


def _digits4(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    return (start, end) if len(_digits(text[start:end])) >= 4 else (start, start)


def _not_year(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse what a date leaves behind: a year is no identifier."""
    is_year = re.fullmatch(r"(?:19|20)\d\d", text[start:end]) is not None
    return (start, start) if is_year else (start, end)


def _state(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    state = re.search(r"([A-Z]{2}) \d{5}", text[start:end])
    known = state is not None and state.group(1) in rules.states
    return (start, end) if known else (start, start)


_NAME_WORD: Final = re.compile(r"[A-Z][A-Za-z'-]*\.?")


def _name(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Cut the name at the first word that is none; refuse it when that is the first."""
    stop = start
    for word in _NAME_WORD.finditer(text, start, end):
        if stop == start and word.group().rstrip(".") in rules.titles:
            start = stop = word.end() + 1
        elif word.group() in rules.not_names or (
            stop == start and word.group().isupper() and len(word.group()) < 3
        ):
            break
        else:
            stop = word.end()
    return start, stop


CHECKS: Final[dict[str, Check]] = {
    "edges": _edges,
    "ssn": _ssn,
    "luhn": _luhn,
    "phone": _phone,
    "ip": _ip,
    "date": _date,
    "age": _age,
    "name": _name,
    "not_year": _not_year,
    "state": _state,
    "digits4": _digits4,
}
