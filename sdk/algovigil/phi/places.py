"""Checks of places: towns and zip codes by the states and words around them.

Like those of `checks`, each takes what a pattern found and returns what is kept of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from algovigil.phi.rules import RuleSet

_NAME_WORD: Final = re.compile(r"[A-Z][A-Za-z'-]*\.?")
_ENDS: Final = re.compile(
    r"[ ,]*([A-Za-z]+(?: [A-Za-z]+)?),? {0,2}(\d{5}(?:-\d{4})?)?", re.ASCII
)


def _follows_state(rules: RuleSet, text: str, end: int) -> bool:
    """Return whether a state comes after a town that ends at *end*."""
    after = _ENDS.match(text, end)
    if after is None:
        return False
    one, _, two = after[1].partition(" ")
    short = one.isupper() and one.lower() in rules.words.states
    long = one.lower() in rules.words.state_names
    return short or long or f"{one} {two}".lower() in rules.words.state_names


def _town_words(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Return the words up to *end* that can be a town's name."""
    stops = {"in", "at", "of", "from", "to", "the", "and", "dr", "st", "ave", "rd"}
    words = list(_NAME_WORD.finditer(text, start, end))
    for i in range(len(words) - 1, -1, -1):
        lower = words[i].group().rstrip(".").lower()
        compass = lower in (
            "north",
            "south",
            "east",
            "west",
            "new",
            "old",
            "saint",
            "st",
            "mount",
            "fort",
            "port",
            "lake",
            "center",
            "city",
        )
        if (lower in rules.words.stops and not compass) or (
            lower in stops and lower != "st"
        ):
            return (words[i + 1].start(), end) if i + 1 < len(words) else (end, end)
    return start, end


def place(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Keep a town before a state and a zip code."""
    known = _follows_state(rules, text, end)
    return _town_words(rules, text, start, end) if known else (start, start)


def city(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Keep a town before a state that is written after a comma."""
    if not _follows_state(rules, text, end):
        return start, start
    state = text[end + 2 : end + 4]
    degree = state in (
        "MD",
        "PA",
        "OR",
        "IN",
        "ME",
        "OK",
        "HI",
        "AL",
        "MS",
        "MA",
        "ID",
        "CO",
        "DE",
    )
    before = text[max(0, start - 16) : start]
    said = re.search(
        r"(?:\b(?:in|at|from|to|of|near|near)|[,:=\"']) ?$", before, re.ASCII
    )
    if degree and not said:
        return start, start
    return _town_words(rules, text, start, end)


def town(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Keep the words after a trigger that can be a town, up to one that is none."""
    stop = start
    for word in _NAME_WORD.finditer(text, start, end):
        lower = word.group().rstrip(".").lower()
        if lower in rules.words.stops and lower not in (
            "new",
            "city",
            "north",
            "south",
            "east",
            "west",
            "saint",
            "st",
            "port",
            "fort",
            "lake",
        ):
            break
        if lower in rules.words.state_names:
            break
        stop = word.end()
        if word.group().endswith(".") and lower not in ("st", "ft", "mt"):
            stop -= 1
            break
    return start, stop


def zip_after_state(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Keep five digits after a state."""
    before = text[max(0, start - 16) : start].rstrip(" ,")
    word = re.search(r"[A-Za-z]+$", before)
    known = word is not None and (
        (word.group().isupper() and word.group().lower() in rules.words.states)
        or word.group().lower()
        in {name.split(" ")[-1] for name in rules.words.state_names}
    )
    return (start, end) if known else (start, start)
