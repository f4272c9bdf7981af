"""Columns of data, and the reference profile that pins what they are compared with.

A profile never changes: its edges, levels and counts are those of the reference, and
every later window is counted into exactly these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import numpy as np

from algovigil.statistics.psi import bin_counts, quantile_edges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_Key = TypeVar("_Key")

MAX_LEVELS: Final = 256
"""Levels that a profile names; rarer ones are counted together as `other`."""


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """Values (n,) of one feature, and how many rows had none; NaN is missing too."""

    values: NDArray[np.float64]
    missing: int = 0


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """Distinct levels (k,), their counts (k,), and how many rows had none."""

    levels: tuple[str, ...]
    counts: NDArray[np.int64]
    missing: int = 0


Column: TypeAlias = NumericColumn | CategoryColumn


@dataclass(frozen=True, slots=True)
class NumericProfile:
    """Edges (e,), counts (e + 3,) as in `psi.bin_counts`, and a sample (s,).

    Row i of the sample is the same row in every feature of one reference, NaN where
    it had no value, so that features can be looked at together.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    sample: NDArray[np.float64]
    unit: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether values can lie out of range: the ends of the edges are finite."""
        return bool(self.edges.size and np.isfinite(self.edges[[0, -1]]).all())

    @property
    def rows(self) -> int:
        """Rows of the reference, missing ones included."""
        return int(self.counts.sum())

    @property
    def missing(self) -> int:
        """Rows of the reference that had no value."""
        return int(self.counts[-2])

    def count(self, column: Column) -> NDArray[np.int64]:
        """Count *column* into the bins; what is not a number is missing here."""
        if isinstance(column, CategoryColumn):
            return bin_counts(np.empty(0), self.edges, rows_of(column))
        return bin_counts(column.values, self.edges, column.missing)

    def values(self, column: Column) -> NDArray[np.float64]:
        """Return what of *column* can be ordered (n,)."""
        if isinstance(column, CategoryColumn):
            return np.empty(0)
        return column.values[~np.isnan(column.values)]


@dataclass(frozen=True, slots=True)
class CategoryProfile:
    """Levels (k,), most frequent first, and counts (k + 2,): then other, missing."""

    levels: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Rows of the reference, missing ones included."""
        return int(self.counts.sum())

    @property
    def missing(self) -> int:
        """Rows of the reference that had no level."""
        return int(self.counts[-1])

    def count(self, column: Column) -> NDArray[np.int64]:
        """Count *column* into the levels; unseen levels, and numbers, are `other`."""
        if isinstance(column, NumericColumn):
            absent = int(np.isnan(column.values).sum())
            other, missing = column.values.size - absent, absent + column.missing
            return np.append(np.zeros(len(self.levels), np.int64), [other, missing])
        found = dict(zip(column.levels, column.counts.tolist(), strict=True))
        known = [found.get(level, 0) for level in self.levels]
        other = int(column.counts.sum()) - sum(known)
        return np.array([*known, other, column.missing], dtype=np.int64)

    def values(self, column: Column) -> NDArray[np.float64]:
        """Return what can be ordered: nothing."""
        return np.empty(0)


def absent(rows: int) -> NumericColumn:
    """Return the column of a feature that none of *rows* rows has."""
    return NumericColumn(np.empty(0), rows)


def rows_of(column: Column) -> int:
    """Return how many rows *column* stands for."""
    if isinstance(column, NumericColumn):
        return column.values.size + column.missing
    return int(column.counts.sum()) + column.missing


Profile: TypeAlias = NumericProfile | CategoryProfile


@dataclass(frozen=True, slots=True)
class Declared:
    """What is known of a feature beforehand: its unit and its validity range."""

    unit: str = ""
    valid: tuple[float, float] | None = None


NOTHING: Final = Declared()


def profiles(
    columns: Mapping[_Key, Column],
    sample_rows: int,
    rng: np.random.Generator,
    declared: Mapping[_Key, Declared] | None = None,
) -> dict[_Key, Profile]:
    """Pin *columns* as the reference; exact tests keep *sample_rows* of its rows."""
    known = declared or {}
    sizes = (c.values.size for c in columns.values() if isinstance(c, NumericColumn))
    rows = max(sizes, default=0)
    picked = None
    if rows > sample_rows:
        picked = np.sort(rng.choice(rows, sample_rows, replace=False))
    return {
        key: profile(column, picked, known.get(key, NOTHING))
        for key, column in columns.items()
    }


def profile(
    column: Column,
    picked: NDArray[np.intp] | None = None,
    declared: Declared = NOTHING,
) -> Profile:
    """Pin one *column*; its sample is the rows *picked*, by default all of them."""
    if isinstance(column, NumericColumn):
        edges = quantile_edges(column.values, valid=declared.valid)
        counts = bin_counts(column.values, edges, column.missing)
        fits = picked is not None and column.values.size > picked[-1]
        sample = column.values[picked] if fits else column.values
        return NumericProfile(edges, counts, sample, declared.unit)
    order = np.argsort(-column.counts, kind="stable")[:MAX_LEVELS]
    levels = tuple(column.levels[i] for i in order)
    kept = column.counts[order]
    other = int(column.counts.sum() - kept.sum())
    return CategoryProfile(
        levels, np.append(kept, [other, column.missing]).astype(np.int64)
    )
