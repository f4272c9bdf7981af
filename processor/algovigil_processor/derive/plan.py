"""How many rows each call gives, and which of its arrays fill them.

Invariant: an array that does not fit the rows of its call fills none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_UNCAPTURED: Final = 1_000
"""Rows written for a failed call that captured none; `row_weight` holds the rest."""

_VOTES: Final = {
    "labels": "",
    "scores": "",
    "values": "",
    "class_values": "class_names",
    "feature_values": "feature_names",
    "category_values": "category_names",
    "text_values": "text_names",
}
"""Arrays with an element, or one for each of its names, per row; in order of weight."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rows each call gives, and which of its arrays fill them."""

    rows: NDArray[np.int64]
    """Per call."""
    call: NDArray[np.int64]
    """Per row to be written: its call; below, its number in the call."""
    row: NDArray[np.int64]
    fits: dict[str, NDArray[np.bool_]]
    """Per array, per call: it fits."""
    misfits: int
    single: bool
    """Each call gives one row."""

    def repeat(self, column: pa.Array) -> pa.Array:
        """Return, per row, the element of *column* that is its call's."""
        return column if self.single else column.take(pa.array(self.call))

    @classmethod
    def of(cls, calls: pa.RecordBatch) -> Plan:
        """Decide by vote: most arrays that agree on a number of rows, win.

        On a tie labels go before scores, those before values, and so on.
        """
        sizes = np.stack(
            [_rows_of(calls, values, names) for values, names in _VOTES.items()],
            axis=1,
        )
        there = sizes > 0
        agree = (sizes[:, :, None] == sizes[:, None, :]) & there[:, None, :]
        votes = agree.sum(axis=2) * there
        best = votes.argmax(axis=1)
        captured = np.maximum(sizes[np.arange(len(sizes)), best], 0)
        fitting = there & (sizes == captured[:, None])
        misfits = ((sizes != 0) & ~fitting).any(axis=1)
        rows = np.where(captured > 0, captured, _uncaptured(calls))
        fits = dict(zip(_VOTES, fitting.T, strict=True))
        # of one size for all rows, which only the rows can tell
        embedding = lengths(calls.column("embedding"))
        fits["embedding"] = (embedding > 0) & (embedding % np.maximum(rows, 1) == 0)
        misfits |= (embedding > 0) & ~fits["embedding"]
        types = lengths(calls.column("input_types"))
        fits["input_types"] = types == lengths(calls.column("input_names"))
        misfits |= ~fits["input_types"]
        call = np.repeat(np.arange(len(rows)), rows)
        first = np.cumsum(rows) - rows
        row = np.arange(len(call)) - first[call]
        single = bool((rows == 1).all())
        return cls(rows, call, row, fits, int(misfits.sum()), single)


def _uncaptured(calls: pa.RecordBatch) -> NDArray[np.int64]:
    """Return the rows of a call that captured none: a failure is never invisible."""
    passed = np.maximum(passed_of(calls), 0)
    failed = as_numpy(pc.binary_length(calls.column("error_type"))) > 0
    return np.where(failed, np.clip(passed, 1, MOST_UNCAPTURED), np.minimum(passed, 1))


def passed_of(calls: pa.RecordBatch) -> NDArray[np.int64]:
    """Return the rows that were passed to each call, 1 where nobody says."""
    passed = calls.column("rows")
    return as_numpy(passed.fill_null(1) if passed.null_count else passed)


def _rows_of(calls: pa.RecordBatch, values: str, names: str) -> NDArray[np.int64]:
    """Return values / names per call; -1 where that is no whole number of rows."""
    size = lengths(calls.column(values))
    if not names:
        return size
    width = lengths(calls.column(names))
    whole = (size % np.maximum(width, 1) == 0) & ((width > 0) | (size == 0))
    return np.where(whole, size // np.maximum(width, 1), -1)


def lengths(lists: pa.ListArray) -> NDArray[np.int64]:
    """Return how many elements each list has, 0 for null."""
    if lists.null_count:
        return as_numpy(pc.list_value_length(lists).fill_null(0)).astype(np.int64)
    return np.diff(as_numpy(lists.offsets)).astype(np.int64)


def starts(lists: pa.ListArray) -> NDArray[np.int64]:
    """Return where each list begins in `lists.flatten()`."""
    sizes = lengths(lists)
    return np.cumsum(sizes) - sizes


def as_numpy(column: pa.Array) -> NDArray[Any]:
    """Return *column* as numpy has it, copied where it must be."""
    return column.to_numpy(zero_copy_only=False)
