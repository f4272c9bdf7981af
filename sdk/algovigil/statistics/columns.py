"""What users have in hand (arrays, frames, mappings) as columns of one shape.

pandas is recognised by what it offers and never imported; nothing given is modified,
and no value of the data ends up in an error message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from algovigil.errors import explain
from algovigil.statistics.profile import CategoryColumn, Column, NumericColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray


def columns(data: Any) -> dict[str, Column]:
    """Return the columns of *data* by name, all of one length.

    *data* is a pandas DataFrame or Series, a mapping of names to sequences, or an
    array (n,) or (n, k), whose columns are named feature_0, feature_1, ... Numbers
    and booleans are numeric, all else categorical; None, NaN, NA and '' are missing.

    Raises:
        ValueError: *data* has another shape, or its columns differ in length.
    """
    named = _named(data)
    lengths = {len(values) for values in named.values()}
    if len(lengths) > 1:
        raise ValueError(
            explain(f"columns of {len(lengths)} lengths", "one value a row in each")
        )
    return {name: column(values) for name, values in named.items()}


def taken(data: Any, rows: NDArray[np.bool_]) -> Any:
    """Return the *rows* of a frame, or of a mapping of names to sequences."""
    if not isinstance(data, Mapping):
        return data[rows]
    return {
        name: values[rows] if hasattr(values, "dtype") else _objects(values)[rows]
        for name, values in data.items()
    }


def column(values: Any) -> Column:
    """Return one sequence of *values* (n,) as a column."""
    array = _array(values)
    if array.dtype.kind in "biuf":
        return NumericColumn(array.astype(np.float64))
    missing = _missing(values, array)
    present = array[~missing]
    if array.dtype.kind == "O" and _is_numeric(present):
        numbers = np.full(array.size, np.nan)  # in their rows, as `profile` keeps them
        numbers[~missing] = present.astype(np.float64)
        return NumericColumn(numbers)
    levels, counts = np.unique(present.astype(str), return_counts=True)
    kept = levels != ""
    return CategoryColumn(
        levels=tuple(levels[kept].tolist()),
        counts=counts[kept].astype(np.int64),
        missing=int(missing.sum()) + int(counts[~kept].sum()),
    )


def _named(data: Any) -> dict[str, Any]:
    if isinstance(data, Mapping):
        return {str(name): values for name, values in data.items()}
    if hasattr(data, "columns") and hasattr(data, "iloc"):  # a DataFrame
        # by position, because names may repeat
        return {str(name): data.iloc[:, i] for i, name in enumerate(data.columns)}
    if hasattr(data, "iloc"):  # a Series
        return {"feature_0" if data.name is None else str(data.name): data}
    array = np.asarray(data)
    if array.ndim == 1:
        return {"feature_0": array}
    if array.ndim == 2:
        return {f"feature_{i}": array[:, i] for i in range(array.shape[1])}
    raise ValueError(
        explain(f"data with {array.ndim} axes", "rows, or rows by features")
    )


def _array(values: Any) -> NDArray[Any]:
    if hasattr(values, "isna") and getattr(values.dtype, "kind", "O") in "biuf":
        # pandas' nullable numbers become objects unless NA is told to be NaN
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(values) if _is_plain(values) else _objects(values)


def _is_plain(values: Any) -> bool:
    return hasattr(values, "dtype") and not hasattr(values, "isna")


def _objects(values: Any) -> NDArray[Any]:
    """Return lists and frames' columns; mixed lists must not turn into strings."""
    array = np.asarray(values, dtype=object)
    if array.ndim != 1:
        raise ValueError(explain(f"a column with {array.ndim} axes", "one axis"))
    return array


def _missing(values: Any, array: NDArray[Any]) -> NDArray[np.bool_]:
    if hasattr(values, "isna"):
        return np.asarray(values.isna(), dtype=bool)
    if array.dtype.kind != "O":
        return np.zeros(array.shape, dtype=bool)
    return np.frompyfunc(_is_missing, 1, 1)(array).astype(bool)


def _is_missing(value: object) -> bool:
    if isinstance(value, (float, np.floating)):
        return bool(np.isnan(value))
    # pandas' singletons, by name: comparing them raises, importing pandas is not ours
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _is_numeric(present: NDArray[Any]) -> bool:
    """Return whether objects are all numbers: decided by their types, once each."""
    kinds = set(map(type, present.tolist()))
    return bool(kinds) and all(
        issubclass(kind, (int, float, np.integer, np.floating, np.bool_))
        for kind in kinds
    )
