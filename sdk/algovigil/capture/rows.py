"""How many rows a call was given, and which of them are kept.

Both cost the caller the same for ten rows and for ten million.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from algovigil.capture import dicom

if TYPE_CHECKING:
    from random import Random


def row_count(table: Any) -> int | None:
    """Return the rows of *table*, one for a single row, None if it is no table."""
    shape = getattr(table, "shape", None)
    if isinstance(shape, tuple):
        return _shaped(table, shape)
    if isinstance(table, Mapping):
        return _first_column(next(iter(table.values()), None))
    if isinstance(table, (list, tuple)):
        if not table:
            return 0
        first = table[0]
        is_rows = isinstance(first, (list, tuple, Mapping, str)) or hasattr(
            first, "shape"
        )
        return len(table) if is_rows or dicom.is_dataset(first) else 1
    return 1 if isinstance(table, str) or dicom.is_dataset(table) else None


def _shaped(table: Any, shape: tuple[int, ...]) -> int | None:
    if len(shape) != 1:
        return shape[0] if shape else None
    if shape[0] and getattr(getattr(table, "dtype", None), "kind", "") in "OUST":
        first = table.iloc[0] if hasattr(table, "iloc") else table[0]
        return shape[0] if isinstance(first, str) else 1  # documents, or one row
    return 1


def _first_column(values: Any) -> int:
    shape = getattr(values, "shape", None)
    if isinstance(shape, tuple) and shape:
        return shape[0]
    return len(values) if isinstance(values, (list, tuple)) else 1


def device(table: Any) -> Any:
    """Return where *table* lies, as its framework says it; None where it does not."""
    if isinstance(table, (list, tuple)):
        table = table[0] if table else None
    elif not hasattr(table, "shape") and isinstance(table, Mapping):
        table = next(iter(table.values()), None)
    found = getattr(table, "device", None)
    return None if callable(found) else found


def pick(rows: int, most: int, random: Random) -> list[int] | None:
    """Return which of *rows* rows to keep, drawn uniformly; None is all of them."""
    return sorted(random.sample(range(rows), most)) if rows > most else None
