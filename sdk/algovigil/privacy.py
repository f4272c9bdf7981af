"""Identifiers out of captured columns, before they leave the process.

Invariant: a column whose name says that it holds identifiers leaves only as the rules
make of it, and no text leaves unread. The processor does the same once more, for
senders that do not.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from algovigil import semconv
from algovigil.capture import Outputs
from algovigil.capture.columns import distinct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.capture import Inputs
    from algovigil.phi import Protector


class Privacy:
    """The rules of *protector*, over columns.

    Args:
        protector: The rules under one preset and key.
    """

    def __init__(self, protector: Protector) -> None:
        self._protector: Final = protector
        self._names: Final = lru_cache(maxsize=256)(self._read_names)

    def inputs(self, found: Inputs) -> Inputs:
        """Return *found* without identifiers: in names, in numbers, in texts."""
        names, told = self._names(found.feature_names)
        values = found.feature_values
        if told:
            names, values = self._numbers(found, names, frozenset(told))
        elif names == found.feature_names and not (
            found.category_names or found.text_names
        ):
            return found
        return replace(
            found,
            feature_names=names,
            feature_values=values,
            category_names=self._names(found.category_names)[0],
            category_values=self._texts(found.category_names, found.category_values),
            text_names=self._names(found.text_names)[0],
            text_values=self._texts(found.text_names, found.text_values),
        )

    def outputs(self, found: Outputs) -> Outputs:
        """Return *found* without identifiers among its labels."""
        if not found.labels and not found.classes:
            return found
        labels = self._texts((semconv.PREDICTION_LABEL,), found.labels)
        classes = self._texts((semconv.PREDICTION_LABEL,), found.classes)
        return Outputs(
            labels,
            found.scores,
            found.values,
            distinct(tuple(classes)),
            found.class_scores,
        )

    def _read_names(
        self, names: tuple[str, ...]
    ) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return *names* as they may be said, and which of them name identifiers."""
        clean = tuple(self._protector.clean("", name) for name in names)
        told = (
            i
            for i, name in enumerate(names)
            if self._protector.classify_key(name) is not None
        )
        return distinct(clean), tuple(told)

    def _numbers(
        self, found: Inputs, names: tuple[str, ...], told: frozenset[int]
    ) -> tuple[tuple[str, ...], Sequence[float]]:
        """Return names and values with what *told* names as the rules allow it."""
        width = len(names)
        kept_names, columns = [], []
        for i, name in enumerate(names):
            column = list(found.feature_values[i::width])
            if i in told:
                key = found.feature_names[i]
                allowed = [self._protector.number(key, value) for value in column]
                if any(value is None for value in allowed):
                    continue
                column = [value for value in allowed if value is not None]
            kept_names.append(name)
            columns.append(column)
        rows = zip(*columns, strict=True)
        return tuple(kept_names), [value for row in rows for value in row]

    def _texts(self, names: tuple[str, ...], values: Sequence[str]) -> list[str]:
        """Return *values*, row-major over *names*, each distinct one cleaned once."""
        clean = self._protector.clean
        done: dict[tuple[str, str], str] = {}
        found = []
        width = len(names)
        for i, value in enumerate(values):
            key = (names[i % width], value)
            if key not in done:
                done[key] = clean(*key) if value else ""
            found.append(done[key])
        return found
