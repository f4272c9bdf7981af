"""What predictions were made from, as a matrix of the same columns on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

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
    number_row, number_name = _flat(table.column("names"))
    values = _chunk(table.column("numbers")).flatten().to_numpy(zero_copy_only=False)
    level_row, level_name = _flat(table.column("levels"))
    if columns is None:
        columns = (*_frequent(number_name), *_frequent(level_name), _UNSEEN)
    place = {name: i for i, name in enumerate(columns)}
    found = np.full((rows, len(columns)), np.nan)
    for name in columns:
        if "=" in name or name == _UNSEEN:
            found[:, place[name]] = 0.0
    _fill(found, place, number_row, number_name, values)
    unseen = _fill(found, place, level_row, level_name, np.ones(level_row.size))
    if _UNSEEN in place:
        np.add.at(found[:, place[_UNSEEN]], unseen, 1.0)
    return Inputs(columns, found)


def _fill(
    found: NDArray[np.float64],
    place: dict[str, int],
    row: NDArray[np.int64],
    name: NDArray[np.str_],
    values: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Put values where they belong; return the rows of those that have no column."""
    distinct, at = np.unique(name, return_inverse=True)
    column = np.array([place.get(n, -1) for n in distinct.tolist()], dtype=np.int64)
    target = column[at] if distinct.size else np.zeros(0, dtype=np.int64)
    known = target >= 0
    found[row[known], target[known]] = values[known]
    return row[~known]


def _frequent(names: NDArray[np.str_]) -> list[str]:
    distinct, counts = np.unique(names, return_counts=True)
    most = np.argsort(-counts, kind="stable")[: MAX_COLUMNS // 2]
    return sorted(distinct[most].tolist())


def _flat(lists: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return row and text of every element of a list column."""
    chunk = _chunk(lists)
    sizes = np.diff(chunk.offsets.to_numpy()).astype(np.int64)
    texts = np.array([t or "" for t in chunk.flatten().to_pylist()], dtype=str)
    return np.repeat(np.arange(sizes.size), sizes), texts


def _chunk(column: pa.ChunkedArray) -> pa.ListArray:
    found = column.combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found
