"""Typed columns of what a model was given and what it answered.

Invariant: exact or absent. A column that cannot be told exactly as numbers or as
short texts is left out; nothing is formatted, truncated or guessed. numpy, pandas and
their like are used where the caller's own objects bring them, and never imported.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from random import Random

_NAN: Final = math.nan
_CATEGORY_CHARS: Final = 64
"""Longer texts are notes, not categories: their column is left out."""
_DOUBLE_BYTES: Final = 11  # OTLP: tag and length of the AnyValue, tag, eight bytes
_TEXT_BYTES: Final = 4  # OTLP: tag and length of the AnyValue and of the text


@dataclass(frozen=True, slots=True)
class Inputs:
    """The captured rows, numeric and categorical, both row-major."""

    feature_names: tuple[str, ...] = ()
    feature_values: Sequence[float] = ()
    category_names: tuple[str, ...] = ()
    category_values: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outputs:
    """The answer for each captured row; an empty list where there is none."""

    labels: Sequence[str] = ()
    scores: Sequence[float] = ()


def row_count(table: Any) -> int | None:
    """Return the rows of *table*, one for a single row, None if it is no table."""
    shape = getattr(table, "shape", None)
    if isinstance(shape, tuple):
        return shape[0] if len(shape) >= 2 else 1 if len(shape) == 1 else None
    if isinstance(table, Mapping):
        first = next(iter(table.values()), None)
        return len(first) if isinstance(first, (list, tuple)) else 1
    if isinstance(table, (list, tuple)):
        if table and not isinstance(table[0], (list, tuple, Mapping)):
            return len(table) if hasattr(table[0], "shape") else 1
        return len(table)
    return None


def pick(rows: int, most: int, random: Random) -> list[int] | None:
    """Return which of *rows* rows to keep, drawn uniformly; None is all of them."""
    return sorted(random.sample(range(rows), most)) if rows > most else None


def inputs(table: Any, names: tuple[str, ...], most: int) -> Inputs | None:
    """Return the columns of *table*, or None if it has none.

    Args:
        table: What `hold.take` kept of an array, data frame, sparse matrix, list of
            rows, list of mappings, mapping of columns, or one row of any of them.
        names: Feature names, used where *table* brings none and their number fits.
        most: Columns to keep at most, the first ones.
    """
    columns = getattr(table, "columns", None)
    if columns is not None:
        return _frame(table, tuple(map(str, columns)), most)
    if isinstance(table, Mapping):
        return _columns(list(table), [_listed(v) for v in table.values()], most)
    if isinstance(table, (list, tuple)):
        return _rows(table, names, most)
    array = _array(table, most)
    return None if array is None else _matrix(array, names)


@lru_cache(maxsize=64)
def numbered(width: int) -> tuple[str, ...]:
    """Return the names of *width* features that have none."""
    return tuple(f"f{i}" for i in range(width))


def _frame(frame: Any, names: tuple[str, ...], most: int) -> Inputs | None:
    array = frame.to_numpy()
    if array.dtype.kind in "fiub":
        return _matrix(array[:, :most], names[:most])
    # mixed types: an array of objects keeps neither ints nor missing values apart
    by_name = getattr(frame, "items", None)
    found = by_name() if by_name else ((c, frame[c]) for c in frame.columns)
    return _columns(names, [_listed(column) for _, column in found], most)


def _array(table: Any, most: int) -> Any:
    """Return *table* as a two-dimensional array, or None."""
    if hasattr(table, "detach"):
        table = table.cpu()
    shape = getattr(table, "shape", ())
    if len(shape) == 1:
        table = table.reshape(1, -1)
    elif len(shape) != 2:
        return None
    if table.shape[1] > most:
        table = table[:, :most]
    if hasattr(table, "toarray"):
        table = table.toarray()
    if not hasattr(table, "dtype") or not hasattr(table.dtype, "kind"):
        numpy = sys.modules.get("numpy")
        return None if numpy is None else numpy.asarray(table)
    return table


def _matrix(array: Any, names: tuple[str, ...]) -> Inputs | None:
    kind = array.dtype.kind
    rows, width = array.shape
    if len(names) != width:
        names = numbered(width)
    if kind in "iub" or (kind == "f" and array.dtype.itemsize > 8):
        array = array.astype("float64")
    elif kind in "OU":
        return _columns(names, array.T.tolist(), width)
    elif kind != "f":
        return None
    return Inputs(names, array.ravel().tolist()) if rows else Inputs()


def _rows(table: Sequence[Any], names: tuple[str, ...], most: int) -> Inputs | None:
    if not table:
        return Inputs()
    if isinstance(table[0], Mapping):
        keys = list(table[0])
        if not all(isinstance(row, Mapping) for row in table):
            return None
        return _columns(keys, [[row.get(k) for row in table] for k in keys], most)
    if not isinstance(table[0], (list, tuple)) and not hasattr(table[0], "tolist"):
        # one row of numbers; a list of texts is documents, which are not captured
        values = None if isinstance(table[0], str) else _numbers(table)
        if values is None:
            return None
        wide = names if len(names) == len(values) else numbered(len(values))
        return Inputs(wide[:most], values[:most])
    rows = [_listed(row) for row in table]
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        return None
    if len(names) != width:
        names = numbered(width)
    return _columns(names, list(map(list, zip(*rows, strict=True))), most)


def _at(values: Sequence[Any], picked: list[int]) -> list[Any]:
    return [values[i] for i in picked]


def _listed(values: Any) -> list[Any]:
    """Return *values*, a column or a row, as a list; a scalar is a list of one."""
    if isinstance(values, (list, tuple)):
        return list(values)
    for method in ("tolist", "to_list"):
        listed = getattr(values, method, None)
        if listed is not None:
            found = listed()
            return found if isinstance(found, list) else [found]
    return [values]


def _columns(
    names: Sequence[object], columns: list[list[Any]], most: int
) -> Inputs | None:
    """Return *columns*, lists of one length, as numbers or texts, each as it can be.

    A Python loop over values: objects have no faster one, and rows and columns are
    bounded by the capture settings.
    """
    numbers: dict[str, list[float]] = {}
    texts: dict[str, list[str]] = {}
    length = len(columns[0]) if columns else 0
    for name, column in list(zip(map(str, names), columns, strict=True))[:most]:
        if len(column) != length:
            return None
        as_numbers = _numbers(column)
        if as_numbers is not None:
            numbers[name] = as_numbers
        elif (as_texts := _texts(column)) is not None:
            texts[name] = as_texts
    return Inputs(
        tuple(numbers),
        [value for row in zip(*numbers.values(), strict=True) for value in row],
        tuple(texts),
        [value for row in zip(*texts.values(), strict=True) for value in row],
    )


def _missing(value: object) -> bool:
    return (
        value is None
        or (isinstance(value, float) and value != value)  # NaN
        or type(value).__name__ == "NAType"
    )


def _numbers(values: Sequence[Any]) -> list[float] | None:
    found: list[float] = []
    for value in values:
        if isinstance(value, Real):
            found.append(float(value))
        elif _missing(value):
            found.append(_NAN)
        elif type(value).__name__ == "bool_" or type(value).__name__ == "bool":
            found.append(float(value))
        else:
            return None
    return found


def _texts(values: Sequence[Any]) -> list[str] | None:
    found: list[str] = []
    for value in values:
        if isinstance(value, str) and _is_category(value):
            found.append(str(value))
        elif _missing(value):
            found.append("")
        else:
            return None
    return found


def _is_category(value: str) -> bool:
    if len(value) > _CATEGORY_CHARS:
        return False
    # a lone surrogate has no UTF-8 form
    return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)


def text(label: Any) -> str:
    """Return a class label as text: `1`, not `1.0`; `true`, not `True`."""
    if isinstance(label, bool) or type(label).__name__ in ("bool_", "bool"):
        return str(label).lower()
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label)


def answer(result: Any) -> list[Any] | None:
    """Return *result*, what `hold.take` kept of an answer, as a plain list, or None."""
    if hasattr(result, "detach"):
        result = result.cpu()
    if hasattr(result, "toarray"):
        result = result.toarray()
    if hasattr(result, "to_numpy"):
        result = result.to_numpy()
    if isinstance(result, list):
        return result
    if not hasattr(result, "tolist"):
        return [result] if isinstance(result, (str, Real)) else None
    found: Any = result.tolist()
    return found if isinstance(found, list) else [found]


def predictions(rows: list[Any], *, regression: bool | None) -> Outputs | None:
    """Return predicted values as scores (regression) or labels.

    Args:
        rows: One value, or a list of one value, per row.
        regression: None tells by the type: floats are scores.
    """
    if rows and isinstance(rows[0], list):
        if any(not isinstance(row, list) or len(row) != 1 for row in rows):
            return None  # several targets: no one of them is the prediction
        rows = [row[0] for row in rows]
    if regression is None:
        regression = bool(rows) and all(type(row) is float for row in rows)
    if regression:
        scores = _numbers(rows)
        return None if scores is None else Outputs(scores=scores)
    if not all(isinstance(row, (str, Real)) for row in rows):
        return None
    return Outputs(labels=[text(row) for row in rows])


def probabilities(rows: list[Any], classes: tuple[str, ...]) -> Outputs | None:
    """Return the probabilities of *classes*, a list per row, as score and label.

    The score is the probability of the positive class, `classes[1]`, of two, and of
    the predicted class of more; the label is the class of the greatest probability.
    """
    width = len(rows[0]) if rows and isinstance(rows[0], list) else 0
    if any(not isinstance(row, list) or len(row) != width for row in rows):
        return None
    if len(classes) != width:
        return Outputs(scores=[row[1] for row in rows]) if width == 2 else None
    if width == 2:
        no, yes = classes
        return Outputs(
            [yes if q > p else no if p >= q else "" for p, q in rows],
            [q for _, q in rows],
        )
    best = [max(range(width), key=row.__getitem__) for row in rows]
    # a NaN compares with nothing: such a row has no greatest probability
    known = [not math.isnan(sum(row)) for row in rows]
    return Outputs(
        [classes[b] if ok else "" for b, ok in zip(best, known, strict=True)],
        [row[b] if ok else _NAN for row, b, ok in zip(rows, best, known, strict=True)],
    )


def margins(rows: list[Any], classes: tuple[str, ...]) -> Outputs | None:
    """Return decision values: a score each, and a label where there are two classes.

    Of more classes there is none: how an estimator turns its values into one (ties,
    one against one) is its own affair.
    """
    if not all(isinstance(row, Real) for row in rows):
        return None
    if len(classes) != 2:
        return Outputs(scores=rows)
    no, yes = classes
    return Outputs([yes if row > 0 else no for row in rows], rows)


def wire_bytes(found: Inputs | None, answers: Outputs | None) -> int:
    """Return about how many bytes the arrays take as OTLP attributes."""
    size = 0
    if found is not None:
        size += _names_bytes(found.feature_names) + _names_bytes(found.category_names)
        size += _DOUBLE_BYTES * len(found.feature_values)
        size += _texts_bytes(found.category_values)
    if answers is not None:
        size += _DOUBLE_BYTES * len(answers.scores) + _texts_bytes(answers.labels)
    return size


def _texts_bytes(texts: Sequence[str]) -> int:
    return sum(map(len, map(str.encode, texts))) + _TEXT_BYTES * len(texts)


_names_bytes: Final = lru_cache(maxsize=256)(_texts_bytes)
