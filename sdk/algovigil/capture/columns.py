"""Columns of numbers, categories and free texts, each as its values can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from algovigil.capture.answers import Outputs

NAN: Final = math.nan
_CATEGORY_CHARS: Final = 64
"""Longer texts are notes, not categories."""
_TEXT_CHARS: Final = 16_384
"""Longer texts are not captured at all: they would have to be cut."""
_DOUBLE_BYTES: Final = 11  # OTLP: tag and length of the AnyValue, tag, eight bytes
_TEXT_BYTES: Final = 4  # OTLP: tag and length of the AnyValue and of the text


@dataclass(frozen=True, slots=True)
class Inputs:
    """The captured rows: values of each kind row-major over their names."""

    feature_names: tuple[str, ...] = ()
    feature_values: Sequence[float] = ()
    category_names: tuple[str, ...] = ()
    category_values: Sequence[str] = ()
    text_names: tuple[str, ...] = ()
    text_values: Sequence[str] = ()
    tensors: Mapping[str, str] = field(default_factory=dict)
    """Element type and shape of each tensor of a row, by name."""
    embedding: Sequence[float] = ()
    subgroup: Mapping[str, str] = field(default_factory=dict)
    """What the input itself says of its patient, alike in all rows."""


class Columns:
    """Columns as they are found, all of one length; `inputs` puts them row-major.

    Args:
        most: Columns to keep at most, the first ones.
        texts: Whether free texts are kept.
    """

    def __init__(self, most: int, *, texts: bool = False) -> None:
        self._most: Final = most
        self._keep_texts: Final = texts
        self._length: int | None = None
        self._numbers: dict[str, Sequence[float]] = {}
        self._categories: dict[str, Sequence[str]] = {}
        self._texts: dict[str, Sequence[str]] = {}
        self.tensors: dict[str, str] = {}
        self.embedding: Sequence[float] = ()
        self.subgroup: dict[str, str] = {}

    def add(self, name: str, values: Sequence[Any]) -> bool:
        """Add a column if it can be told; return False if its length is another.

        A Python loop over values: objects have no faster one, and rows and columns
        are bounded by the capture settings.
        """
        if self._length is None:
            self._length = len(values)
        if len(values) != self._length:
            return False
        if len(self._numbers) + len(self._categories) >= self._most:
            return True
        if (numbers := as_numbers(values)) is not None:
            self._numbers[self._free(name)] = numbers
        elif (categories := as_texts(values, _CATEGORY_CHARS)) is not None:
            self._categories[self._free(name)] = categories
        elif self._keep_texts and (texts := as_texts(values, _TEXT_CHARS)) is not None:
            self._texts[self._free(name)] = texts
        return True

    def add_documents(self, name: str, values: Sequence[Any]) -> None:
        """Add free texts, however short, if they are kept."""
        texts = as_texts(values, _TEXT_CHARS) if self._keep_texts else None
        if texts is not None:
            self._texts[self._free(name)] = texts

    def _free(self, name: str) -> str:
        """Return *name*, numbered if a column of that name is there already."""
        free, number = name, 0
        while free in self._numbers or free in self._categories or free in self._texts:
            number += 1
            free = f"{name}.{number}"
        return free

    def inputs(self) -> Inputs:
        """Return what was found."""
        return Inputs(
            tuple(self._numbers),
            _row_major(self._numbers.values()),
            tuple(self._categories),
            _row_major(self._categories.values()),
            tuple(self._texts),
            _row_major(self._texts.values()),
            self.tensors,
            self.embedding,
            self.subgroup,
        )


def _row_major(columns: Iterable[Sequence[Any]]) -> list[Any]:
    return [value for row in zip(*columns, strict=True) for value in row]


@lru_cache(maxsize=64)
def numbered(width: int) -> tuple[str, ...]:
    """Return the names of *width* features that have none."""
    return tuple(f"f{i}" for i in range(width))


@lru_cache(maxsize=256)
def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return *names*, a repeated one with a number after it."""
    if len(set(names)) == len(names):
        return names
    found: dict[str, None] = {}
    for name in names:
        free, number = name, 0
        while free in found:
            number += 1
            free = f"{name}.{number}"
        found[free] = None
    return tuple(found)


def _missing(value: object) -> bool:
    return (
        value is None
        or (isinstance(value, float) and value != value)  # NaN
        or type(value).__name__ in ("NAType", "NaTType", "MaskedConstant")
    )


def as_numbers(values: Sequence[Any]) -> list[float] | None:
    """Return *values* as doubles, NaN where missing; None if one is no number."""
    if set(map(type, values)) == {float}:  # no look at each of thousands of scores
        return list(values)
    found: list[float] = []
    for value in values:
        if isinstance(value, Real):
            try:
                found.append(float(value))
            except OverflowError:  # an integer that no double holds
                return None
        elif _missing(value):
            found.append(NAN)
        elif type(value).__name__ in ("bool_", "bool"):
            found.append(float(value))
        else:
            return None
    return found


def as_texts(values: Sequence[Any], most: int) -> list[str] | None:
    """Return *values* as texts, '' where missing; None if one is none or too long."""
    found: list[str] = []
    for value in values:
        if isinstance(value, str) and len(value) <= most and _has_bytes(value):
            found.append(str(value))
        elif _missing(value):
            found.append("")
        else:
            return None
    return found


def _has_bytes(value: str) -> bool:
    # a lone surrogate has no UTF-8 form
    return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)


def wire_bytes(found: Inputs | None, answers: Outputs) -> int:
    """Return about how many bytes the arrays take as OTLP attributes."""
    doubles = len(answers.scores) + len(answers.values) + len(answers.class_scores)
    size = _texts_bytes(answers.labels) + _names_bytes(answers.classes)
    if found is not None:
        doubles += len(found.feature_values) + len(found.embedding)
        size += _names_bytes(found.feature_names) + _names_bytes(found.category_names)
        size += _texts_bytes(found.category_values) + _texts_bytes(found.text_values)
    return size + _DOUBLE_BYTES * doubles


def _texts_bytes(texts: Sequence[str]) -> int:
    return sum(map(len, map(str.encode, texts))) + _TEXT_BYTES * len(texts)


_names_bytes: Final = lru_cache(maxsize=256)(_texts_bytes)
