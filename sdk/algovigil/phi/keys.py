"""Key policy: what the name of an attribute, a column or a path says of its value.

Invariant: a key is judged by its words alone, however they are spelt and joined; a key
that was itself cleaned tells nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CLASS: Final = re.compile(r"\[[A-Z][A-Z_]{1,15}\]")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ELEMENT: Final = re.compile(r"(?:^|[^0-9A-Za-z])([0-9A-Fa-f]{8})(?:[^0-9A-Za-z]|$)")
_FIELD: Final = re.compile(
    r"(?:^|[^A-Za-z0-9])([A-Za-z]{2}[A-Za-z0-9])[-._]([0-9]{1,2})\b"
)


class Note(NamedTuple):
    """What a key says of its value: an identifier class, and how far to trust it."""

    cls: str | None
    trust: str
    """`safe`, `text` or `error`."""


@dataclass(frozen=True, slots=True)
class KeyClass:
    """The keys of one identifier class."""

    name: str
    exact: frozenset[tuple[str, ...]]
    any: frozenset[str]
    all: tuple[frozenset[str], ...]


_SEEN: Final = 8192  # keys whose note is remembered


class KeyPolicy:
    """The `keys` of the rule file, and the fields and elements of the standards.

    Args:
        classes: In order: the first that fits wins.
        safe: Keys about machines, by their words.
        safe_prefixes: Beginnings of such keys.
        safe_last: Last words of such keys.
        error: Keys of the words of an error.
        benign: Last words that make a key a statement about an identifier.
        neutral: Words that make a key one about codes, wherever they stand.
        elements: DICOM element, eight lower-case hex digits, to class.
        fields: HL7 segment to field number to (class, shape).
    """

    def __init__(
        self,
        *,
        classes: tuple[KeyClass, ...],
        safe: frozenset[tuple[str, ...]],
        safe_prefixes: tuple[tuple[str, ...], ...],
        safe_last: frozenset[str],
        error: frozenset[tuple[str, ...]],
        benign: frozenset[str],
        neutral: frozenset[str],
        elements: Mapping[str, str],
        fields: Mapping[str, Mapping[int, tuple[str, str]]],
    ) -> None:
        self.classes: Final = classes
        self.elements: Final = elements
        self.fields: Final = fields
        self._safe: Final = safe
        self._safe_prefixes: Final = safe_prefixes
        self._safe_last: Final = safe_last
        self._error: Final = error
        self._benign: Final = benign
        self._neutral: Final = neutral
        self._exact: Final[dict[tuple[str, ...], str]] = {}
        # by one of its words: the sets of words that fit, and the rank of their class
        self._sets: Final[dict[str, list[tuple[int, frozenset[str]]]]] = {}
        for rank, kind in enumerate(classes):
            for words in kind.exact:
                self._exact.setdefault(words, kind.name)
            for group in (*(frozenset((word,)) for word in kind.any), *kind.all):
                self._sets.setdefault(max(group, key=len), []).append((rank, group))
        self._seen: Final[dict[int, Note]] = {}

    def note(self, key: str) -> Note:
        """Return what *key* says of its value."""
        # by hash: a key may itself hold an identifier, and no cache keeps one
        number = hash(key)
        note = self._seen.get(number)
        if note is None:
            if len(self._seen) >= _SEEN:
                self._seen.clear()
            note = self._seen[number] = self._judged(key)
        return note

    def _judged(self, key: str) -> Note:
        words = key_words(key)
        exact = self._exact.get(words)
        if exact is not None:
            return Note(exact, "text")
        if words in self._error:
            return Note(None, "error")
        if self._is_safe(words):
            return Note(None, "safe")
        found = frozenset(words)
        if not words or words[-1] in self._benign or found & self._neutral:
            return Note(None, "text")
        standard = self._standard(key)
        if standard is not None:
            return Note(standard, "text")
        best = min(
            (
                rank
                for word in found
                for rank, group in self._sets.get(word, ())
                if group <= found
            ),
            default=-1,
        )
        return Note(self.classes[best].name if best >= 0 else None, "text")

    def _is_safe(self, words: tuple[str, ...]) -> bool:
        return (
            words in self._safe
            or not self._safe_last.isdisjoint(words[-1:])
            or any(words[: len(prefix)] == prefix for prefix in self._safe_prefixes)
        )

    def _standard(self, key: str) -> str | None:
        """Return the class of a key that names a DICOM element or an HL7 field."""
        for element in _ELEMENT.findall(key):
            cls = self.elements.get(element.lower())
            if cls is not None:
                return cls
        field = _FIELD.search(key) if key[-1:].isdigit() else None
        if field is not None:
            found = self.fields.get(field[1].upper(), {}).get(int(field[2]))
            return found[0] if found else None
        return None


def key_words(key: str) -> tuple[str, ...]:
    """Split *key* at separators and camelCase into lower-case words.

    A number at the end counts an element and is dropped: `patient.name.0` is
    `patient name`.
    """
    if "[" in key:
        key = _CLASS.sub("", key)  # a key that was cleaned tells nothing of its value
    words = [word.lower() for word in _WORD.findall(key)]
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    return tuple(words)


_SHORT: Final = 4  # letters: a shorter word is a piece of many others


def pair_words(
    keys: Iterable[KeyClass], everyday: frozenset[str]
) -> tuple[str, str, str]:
    """Return what finds something in every key that *keys* classify.

    `key_words` only splits a key, so each of its words is a substring of the key. Short
    words and *everyday* ones are avoided: they would hit far too often. The first
    expression takes no notice of case, the second, for short words in the middle of
    camelCase, does. The third are words that classify a key as a whole only: no letter
    comes after them.
    """
    exact = [words for kind in keys for words in kind.exact]
    whole = "|".join(sorted({words[0] for words in exact if len(words) == 1}))
    found = {word for kind in keys for word in kind.any}
    groups = [frozenset(words) for words in exact if len(words) > 1]
    groups += [words for kind in keys for words in kind.all]

    def worth(word: str) -> tuple[int, int, str]:
        rarity = 0 if word in everyday else 1 if len(word) < _SHORT else 2
        return rarity, times[word], word

    while groups := [words for words in groups if words.isdisjoint(found)]:
        times = Counter(word for words in groups for word in words)
        found.add(max(times, key=worth))
    short = sorted(word for word in found if len(word) <= _SHORT)
    long = sorted(word for word in found if len(word) > _SHORT)
    begins = rf"(?:\b|[_0-9])(?:{'|'.join(short)})"
    camel = "|".join(form for w in short for form in (w.capitalize(), w.upper()))
    return (
        "|".join([begins, *long]),
        rf"[a-z](?:{camel})|[A-Z](?:{'|'.join(w.capitalize() for w in short)})",
        whole,
    )
