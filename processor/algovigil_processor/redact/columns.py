"""Columns of any depth to flat leaves of text and back, kept in their order.

Invariant: `rebuild` with the leaves that `flatten` gave returns an equal column; lists,
maps and nulls keep their places, whatever slice the column is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

KEYS: Final = ""
"""The key that the keys of maps are read under: that of no attribute."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A flat array of a column."""

    values: Any
    key: str
    """Attribute key of every value, unless `keyed`."""
    keyed: bool = False
    """The leaf before this one holds the key of each value."""
    offsets: NDArray[np.int32] | None = None
    """Of a keyed leaf: where each map begins, and the end."""


def is_text(kind: pa.DataType) -> bool:
    """Return whether columns of *kind* hold text, or numbers under keys that are text.

    Raises:
        TypeError: text is kept in a way that `flatten` does not know.
    """
    if pa.types.is_string(kind):
        return True
    if pa.types.is_map(kind) and pa.types.is_string(kind.key_type):
        item = kind.item_type
        if pa.types.is_string(item) or pa.types.is_float64(item):
            return True
    if pa.types.is_map(kind) and pa.types.is_integer(kind.key_type):
        return is_text(kind.item_type)
    if pa.types.is_list(kind):
        return is_text(kind.value_type)
    if pa.types.is_primitive(kind):
        return False
    raise TypeError(str(kind))


def flatten(column: Any, key: str) -> list[Leaf]:
    """Return the leaves of *column*, whose own values stand under *key*.

    Where all lists or maps are empty there are none.
    """
    if pa.types.is_map(column.type):
        if not len(column.keys):
            return []
        offsets, first, last = bounds(column)
        return [
            Leaf(column.keys[first:last], KEYS),
            Leaf(column.items[first:last], key, keyed=True, offsets=offsets),
        ]
    if pa.types.is_list(column.type):
        if not len(column.values):
            return []
        _, first, last = bounds(column)
        return flatten(column.values[first:last], key)
    return [Leaf(column, key)]


def rows(column: Any, of: NDArray[np.int64] | None = None) -> list[NDArray[np.int64]]:
    """Return, for each leaf of `flatten`, the row that each of its values is in."""
    of = np.arange(len(column)) if of is None else of
    if pa.types.is_map(column.type):
        offsets, _, _ = bounds(column)
        return [np.repeat(of, np.diff(offsets))] * 2
    if pa.types.is_list(column.type):
        offsets, first, last = bounds(column)
        return rows(column.values[first:last], np.repeat(of, np.diff(offsets)))
    return [of]


def rebuild(column: Any, leaves: Iterator[Any]) -> Any:
    """Return *column* with the next of *leaves* in place of its own."""
    kind = column.type
    if not pa.types.is_map(kind) and not pa.types.is_list(kind):
        return next(leaves)
    offsets, first, last = bounds(column)
    mask = column.is_null() if column.null_count else None
    starts = pa.array(offsets, pa.int32())
    if pa.types.is_map(kind):
        keys, items = next(leaves), next(leaves)
        return pa.MapArray.from_arrays(starts, keys, items, type=kind, mask=mask)
    values = rebuild(column.values[first:last], leaves)
    return pa.ListArray.from_arrays(starts, values, type=kind, mask=mask)


def bounds(column: Any) -> tuple[NDArray[np.int32], int, int]:
    """Return the offsets of a list or map column from 0, and its range of children."""
    if not len(column):
        return np.zeros(1, np.int32), 0, 0
    offsets = column.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    return (offsets - first).astype(np.int32), first, last


def closed(column: Any, text: str) -> Any:
    """Return *column* with nothing of it left but the places of its values."""
    kind = column.type
    if pa.types.is_string(kind):
        values = [text if valid else None for valid in column.is_valid().to_pylist()]
        return pa.array(values, kind)
    if pa.types.is_float64(kind):
        return pa.array(np.full(len(column), np.nan))
    mask = column.is_null() if column.null_count else None
    if pa.types.is_map(kind):
        none = pa.array(np.zeros(len(column) + 1, np.int32), pa.int32())
        keys, items = pa.array([], kind.key_type), pa.array([], kind.item_type)
        return pa.MapArray.from_arrays(none, keys, items, type=kind, mask=mask)
    offsets, first, last = bounds(column)
    values = closed(column.values[first:last], text)
    starts = pa.array(offsets, pa.int32())
    return pa.ListArray.from_arrays(starts, values, type=kind, mask=mask)


def cycle(names: Any, values: Any) -> NDArray[np.int64]:
    """Return per element of the lists *values* the index of its name among *names*.

    Both are list columns of the same rows; element i of a row belongs to the name at i
    modulo the number of names of that row, -1 where it has none.
    """
    name_offsets, _, _ = bounds(names)
    value_offsets, _, _ = bounds(values)
    counts = np.diff(value_offsets)
    width = np.repeat(np.diff(name_offsets), counts).astype(np.int64)
    place = np.arange(len(width)) - np.repeat(value_offsets[:-1], counts)
    at = np.repeat(name_offsets[:-1], counts) + place % np.maximum(width, 1)
    return np.where(width > 0, at, -1)
