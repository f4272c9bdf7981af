"""What a call was given and answered, kept as it was at that moment.

Invariant: what the caller does afterwards with its own arrays, frames and lists does
not show in what is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_OBJECT_BYTES: Final = 64  # a Python number or short text and its place in a list


def take(table: Any, picked: list[int] | None) -> Any:
    """Return the rows *picked* (None: all) of *table* as they are now.

    This is all that happens while the caller waits: a copy, so that what the caller
    does with its own object afterwards does not show. `capture` turns it into columns
    later, on the thread that books the call.
    """
    if isinstance(table, Mapping):
        return {key: _held_column(value, picked) for key, value in table.items()}
    if isinstance(table, (list, tuple)):
        rows = table if picked is None else [table[i] for i in picked]
        return [_copied(row) for row in rows]
    if hasattr(table, "columns"):
        if picked is None:
            return table.copy() if hasattr(table, "copy") else table  # or immutable
        return table.take(picked) if hasattr(table, "take") else table[picked]
    if hasattr(table, "detach"):
        table = table.detach()
        return table.clone() if picked is None else table[picked]
    if hasattr(table, "to_numpy"):
        table = table.to_numpy()
    if picked is not None:
        return table[picked]
    return table.copy() if hasattr(table, "copy") else table


def size(held: Any) -> int:
    """Return about how many bytes *held*, of `take`, takes in memory."""
    if isinstance(held, Mapping):
        return sum(map(size, held.values()))
    if isinstance(held, list):
        return len(held) * (size(held[0]) + _OBJECT_BYTES) if held else 0
    nbytes = getattr(held, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes
    return _OBJECT_BYTES * int(getattr(held, "size", 1))


def _held_column(values: Any, picked: list[int] | None) -> Any:
    if isinstance(values, (list, tuple)):
        return list(values) if picked is None else [values[i] for i in picked]
    return take(values, picked)


def _copied(row: Any) -> Any:
    if isinstance(row, (list, tuple)):
        return list(row)
    return row.copy() if hasattr(row, "copy") else row
