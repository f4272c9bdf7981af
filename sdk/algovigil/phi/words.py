"""Words around and among the names of persons: `data/names.yaml`, compiled.

Invariant: all sets hold lower case.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


TITLE, STRONG, WEAK, PERSON, DEED, THING, SELF = (1 << bit for bit in range(7))
"""What a phrase before a word says of it; see `Words.before`."""

_AFTER: Final = ("MRN", "DOB", "SSN", "D.O", "mrn", "dob", "born", "DOD")


@dataclass(frozen=True, slots=True)
class Words:
    """The word lists of the rule set."""

    titles: frozenset[str]
    stops: frozenset[str]
    hard: frozenset[str]
    """Of the stops those that stay so whatever stands before them."""
    eponyms: frozenset[str]
    eponym_after: frozenset[str]
    eponym_pairs: frozenset[str]
    """Two words with a space: what is named after two persons, or one whole name."""
    imaged: frozenset[str]
    """What an image is of; after `MR` and `DR` in capitals it is no person."""
    particles: frozenset[str]
    suffixes: frozenset[str]
    machines: frozenset[str]
    states: frozenset[str]
    state_names: frozenset[str]
    before: Mapping[str, int]
    """What up to three words say of the one after them, in bits.

    TITLE, STRONG: it is a name. WEAK: it may be one. PERSON: so it is, if it may be a name.
    DEED: so are two words. THING: it is a name of something else. SELF: `I`, which may
    be a number.
    """
    acts: re.Pattern[str]
    """At the start of what stands after two words: a person did it."""
    credentials: re.Pattern[str]
    """At the start of what stands after a name."""
    prefilter: str
    """An expression that finds something in every text that may hold a name."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Words:
        """Compile *data*, the content of `names.yaml`."""
        titles = _alternatives(data["titles"])
        strong = _alternatives(data["strong"])
        people = _alternatives(data["people"])
        weak = _alternatives(data["weak"])
        before = rf"(?:^|[^A-Za-z])(?:{titles}|{strong}|{people})"
        gap = r"(?: is| was)?[.:=,#-]?(?:'s)? {0,2}[\"'(\[>]{0,3} ?"
        name = r"[A-Z][A-Za-z'-]{0,30}"
        after = {*_AFTER, *(re.escape(word) for word in data["credentials"])}
        between = r"(?:\.? {1,2}|, {0,2})(?:(?:[a-z]{1,3}|[A-Z])\.? ){0,2}"
        prefilter = "|".join(
            (
                f"{before}{gap}[A-Z]",
                # one word in capitals is no name by a weak word before it
                f"(?:^|[^A-Za-z])(?:{weak}){gap}[A-Z][a-z'-]",
                rf"(?:^|[^A-Za-z0-9])[A-Z][a-z'-][A-Za-z'-]{{0,30}}{between}[A-Z]",
                rf"(?:^|[^A-Za-z0-9])[A-Z]{{2,30}}{between}[A-Z][A-Za-z']",
                rf"{name},? ?\(?(?:{'|'.join(sorted(after))})|{name}(?: <|'s [cfma])",
                rf"{name},? (?:is |was )?an? [0-9]",
                rf"{name},? (?:aged? )?[0-9]{{1,3}}[- ]?[yFM,]",
            )
        )
        return cls(
            **{
                name: frozenset(word.replace("_", " ") for word in data[name])
                for name in (
                    *(
                        "titles",
                        "stops",
                        "hard",
                        "eponyms",
                        "eponym_after",
                        "eponym_pairs",
                        "imaged",
                        "particles",
                    ),
                    *("suffixes", "machines", "states", "state_names"),
                )
            },
            before=_before(data),
            acts=re.compile(
                rf" (?:{'|'.join(phrase.replace('_', ' ') for phrase in data['acts'])})\b",
                re.ASCII,
            ),
            credentials=re.compile(
                r",? \(?(?:"
                + "|".join(re.escape(word) for word in data["credentials"])
                + r")\b|,? (?:is |was )?an? [0-9]{1,3}[- ]|,? (?:age[d]? )?[0-9]{1,3}(?:[- ]?"
                r"(?:y|F\b|M\b)|,)|,? ?\(?(?:MRN|DOB|SSN|D\.O\.B|mrn|dob|born|DOD)\b"
                r"|'s (?:chart|record|file|mother|father|family|appointment)| <\S{1,80}@"
            ),
            prefilter=prefilter,
        )


def _before(data: Mapping[str, Any]) -> dict[str, int]:
    lists = {
        "titles": TITLE,
        "people": WEAK | PERSON | DEED,
        "weak": WEAK,
        "deeds": WEAK | DEED,
        "things": THING,
    }
    found: dict[str, int] = defaultdict(int)
    for name, bits in lists.items():
        for phrase in _plain(data[name]):
            found[phrase] |= bits
    for phrase in _plain(data["strong"]):
        for verb in ("", " is", " was"):
            found[phrase + verb] |= SELF if phrase + verb == "i" else STRONG
    return dict(found)


def _alternatives(phrases: Iterable[str]) -> str:
    """Return *phrases* as alternatives, in lower case, capitalised and in capitals."""
    spelt = set()
    for phrase in phrases:
        plain = (
            re.escape(phrase.replace("_", " ")) if "_" in phrase else re.escape(phrase)
        )
        plain = plain.replace("\\ ", " ")
        spelt |= {plain, plain[:1].upper() + plain[1:], plain.upper()}
        if phrase == "summarize_note":
            spelt.add(phrase)
    return "|".join(sorted(spelt, key=lambda word: (-len(word), word)))


def _plain(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(phrase.replace("_", " ").strip(".,") for phrase in phrases)
