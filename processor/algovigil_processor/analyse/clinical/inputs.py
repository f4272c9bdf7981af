"""What predictions were made from, as a matrix of the same columns on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from algovigil_processor.analyse.clinical.words import distinct

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_COLUMNS: Final = 128
_UNSEEN: Final = "(unseen levels)"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Values (n, k) of named columns: numbers, and an indicator for each level."""

    columns: tuple[str, ...]
    values: NDArray[np.float64]


def inputs(table: pa.Table, columns: tuple[str, ...] | None = None) -> Inputs:
    """Return the inputs of *table*, whose rows list `names`, `numbers` and `levels`.

    Without *columns* they are the most frequent ones of the table. A number that is not
    listed is missing (nan); levels are 0 or 1, and one more column counts the levels of
    a row that are none of them.
    """
    rows = table.num_rows
    number = _flat(table.column("names"))
    values = _chunk(table.column("numbers")).flatten().to_numpy(zero_copy_only=False)
    level = _flat(table.column("levels"))
    if columns is None:
        columns = (*_frequent(number), *_frequent(level), _UNSEEN)
    place = {name: i for i, name in enumerate(columns)}
    found = np.full((rows, len(columns)), np.nan)
    for name in columns:
        if "=" in name or name == _UNSEEN:
            found[:, place[name]] = 0.0
    _fill(found, place, number, values)
    unseen = _fill(found, place, level, np.ones(level.row.size))
    if _UNSEEN in place:
        np.add.at(found[:, place[_UNSEEN]], unseen, 1.0)
    return Inputs(columns, found)


class _Named(NamedTuple):
    """The elements (n,) of a list column: the row of each, and its word by number."""

    row: NDArray[np.int64]
    words: list[str]
    at: NDArray[np.int64]


def _fill(
    found: NDArray[np.float64],
    place: dict[str, int],
    named: _Named,
    values: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Put values where they belong; return the rows of those that have no column."""
    column = np.array([place.get(n, -1) for n in named.words], dtype=np.int64)
    target = column[named.at]
    known = target >= 0
    found[named.row[known], target[known]] = values[known]
    return named.row[~known]


def _frequent(named: _Named) -> list[str]:
    counts = np.bincount(named.at, minlength=len(named.words)).tolist()
    most = sorted(zip(named.words, counts, strict=True), key=lambda w: (-w[1], w[0]))
    return sorted(word for word, _ in most[: MAX_COLUMNS // 2])


def _flat(lists: pa.ChunkedArray) -> _Named:
    """Return every element of a list column."""
    chunk = _chunk(lists)
    sizes = np.diff(chunk.offsets.to_numpy()).astype(np.int64)
    row = np.repeat(np.arange(sizes.size), sizes)
    return _Named(row, *distinct(pa.chunked_array([chunk.flatten()])))


def _chunk(column: pa.ChunkedArray) -> pa.ListArray:
    found = column.combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found
