"""Columns out of what callers pass: frames, arrays, lists, mappings, images."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from algovigil.capture import tensor
from algovigil.capture.columns import Columns, Inputs, as_numbers, distinct, numbered
from algovigil.capture.dicom import Header
from algovigil.capture.tensor import Sample

if TYPE_CHECKING:
    from algovigil.config import Capture


def inputs(held: Any, names: tuple[str, ...], settings: Capture) -> Inputs | None:
    """Return the columns of *held*, or None if it has none.

    Args:
        held: What `hold.take` kept of an array, data frame, sparse matrix, list of
            rows, list of mappings, mapping of columns or tensors, list of DICOM data
            sets, or one row of any of them.
        names: Feature names, used where *held* brings none and their number fits.
        settings: What is captured.
    """
    found = Columns(settings.max_features, texts=settings.text)
    columns = getattr(held, "columns", None)
    if columns is not None:
        own = distinct(tuple(map(_name, columns)))
        return _frame(held, own, found)
    if isinstance(held, Mapping):
        return _mapping(held, names, found, settings)
    if isinstance(held, list):
        return _rows(held, names, found, settings)
    if isinstance(held, Sample):
        _summed(found, "input", held, settings)
        return found.inputs()
    if isinstance(held, Header):
        return _headers([held], found, settings)
    if isinstance(held, str):
        found.add_documents("text", [held])
        return found.inputs()
    return _array(held, names, found, settings.max_features)


def _name(column: object) -> str:
    if isinstance(column, tuple):  # of a MultiIndex
        return ".".join(map(str, column))
    return str(column)


def _frame(frame: Any, names: tuple[str, ...], found: Columns) -> Inputs | None:
    array = frame.to_numpy()
    if array.dtype.kind in "fiub":
        return _matrix(array, names, found)
    # mixed types: an array of objects keeps neither ints nor missing values apart
    by_name = getattr(frame, "items", None)
    columns = by_name() if by_name else ((c, frame[c]) for c in frame.columns)
    return _all(names, [_listed(column) for _, column in columns], found)


def _array(
    array: Any, names: tuple[str, ...], found: Columns, most: int
) -> Inputs | None:
    """Return the columns of an array of one or two dimensions."""
    if hasattr(array, "detach"):
        array = array.float().cpu() if array.is_floating_point() else array.cpu()
    if hasattr(array, "toarray"):
        array = array.toarray()
    if not hasattr(getattr(array, "dtype", None), "kind"):
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return None
        array = numpy.asarray(array)
    if array.dtype.names:
        columns = [array[name].tolist() for name in array.dtype.names[:most]]
        return _all(array.dtype.names[:most], columns, found)
    if len(array.shape) == 1 and array.dtype.kind in "OUT":
        listed = array.tolist()
        if listed and all(isinstance(value, str) for value in listed):
            found.add_documents("text", listed)
            return found.inputs()
    if len(array.shape) == 1:
        array = array.reshape(1, -1)
    return _matrix(array, names, found) if len(array.shape) == 2 else None


def _matrix(array: Any, names: tuple[str, ...], found: Columns) -> Inputs | None:
    kind = array.dtype.kind
    rows, width = array.shape
    names = names if len(names) == width else numbered(width)
    if kind in "OUT":
        return _all(names, array.T.tolist(), found)
    if kind not in "fiub":
        return None
    if hasattr(array, "filled"):  # masked is missing
        array = array.astype("float64").filled(float("nan"))
    elif kind != "f" or array.dtype.itemsize > 8:
        array = array.astype("float64")
    return Inputs(distinct(names), array.ravel().tolist()) if rows else Inputs()


def _rows(
    held: list[Any], names: tuple[str, ...], found: Columns, settings: Capture
) -> Inputs | None:
    if not held:
        return Inputs()
    first = held[0]
    if isinstance(first, Header):
        return _headers(held, found, settings)
    if isinstance(first, str):
        found.add_documents("text", held)
        return found.inputs()
    if isinstance(first, Mapping):
        if not all(isinstance(row, Mapping) for row in held):
            return None
        columns = [[row.get(key) for row in held] for key in first]
        return _all(list(map(_name, first)), columns, found)
    if isinstance(first, Sample):
        return _samples("input", held, found, settings)
    if not isinstance(first, (list, tuple)) and not hasattr(first, "tolist"):
        values = as_numbers(held)  # one row
        if values is None:
            return _all(_fit(names, len(held)), [[value] for value in held], found)
        return Inputs(distinct(_fit(names, len(values))), values)
    rows = [_listed(row) for row in held]
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        return None
    return _all(_fit(names, width), list(map(list, zip(*rows, strict=True))), found)


def _fit(names: tuple[str, ...], width: int) -> tuple[str, ...]:
    return names if len(names) == width else numbered(width)


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


def _all(
    names: Sequence[object], columns: list[list[Any]], found: Columns
) -> Inputs | None:
    """Return *columns*, or None if they are not of one length."""
    for name, column in zip(map(str, names), columns, strict=False):
        if not found.add(name, column):
            return None
    return found.inputs()


def _mapping(
    held: Mapping[Any, Any],
    names: tuple[str, ...],
    found: Columns,
    settings: Capture,
) -> Inputs | None:
    """Return columns by name; a matrix under a name is one column for each of its."""
    for key, value in held.items():
        name = _name(key)
        shape: Any = getattr(value, "shape", ())
        if isinstance(value, Sample):
            _summed(found, name, value, settings)
        elif isinstance(value, Header):
            _headers([value], found, settings)
        elif isinstance(value, list) and value and isinstance(value[0], Sample):
            _samples(name, value, found, settings)
        elif len(shape) == 2 and len(held) == 1 and len(names) == shape[1]:
            return _array(value, names, found, settings.max_features)
        elif len(shape) == 2:
            wide = [name] if shape[1] == 1 else [f"{name}.{i}" for i in range(shape[1])]
            columns = zip(wide, map(_listed, value.T), strict=True)
            if not all(found.add(*column) for column in columns):
                return None
        elif not found.add(name, _listed(value)):
            return None
    return found.inputs()


def _samples(
    name: str, held: list[Any], found: Columns, settings: Capture
) -> Inputs | None:
    """Return the summaries of a list of tensors, each one row."""
    if not all(isinstance(one, Sample) for one in held):
        return None
    if len({one.type for one in held}) > 1:  # of several shapes: summed up one by one
        return None
    values = [tensor.measured(one) for one in held]
    if all(value is not None for value in values):
        import numpy

        _add_summed(found, name, held[0].type, numpy.concatenate(values), settings)
    found.tensors[name] = held[0].type
    return found.inputs()


def _summed(found: Columns, name: str, held: Sample, settings: Capture) -> None:
    found.tensors[name] = held.type
    values = tensor.measured(held)
    if values is not None:
        _add_summed(found, name, held.type, values, settings)


def _add_summed(
    found: Columns, name: str, kind: str, values: Any, settings: Capture
) -> None:
    for summary, column in tensor.summaries(values, kind).items():
        found.add(f"{name}.{summary}", column)
    if settings.embedding:
        found.embedding = tensor.embedding(values, settings.embedding)


def _headers(held: list[Any], found: Columns, settings: Capture) -> Inputs | None:
    """Return the facts of DICOM headers, and the summaries of their images."""
    if not all(isinstance(one, Header) for one in held):
        return None
    keywords = dict.fromkeys(word for one in held for word in one.facts)
    for keyword in keywords:
        column = [one.facts.get(keyword) for one in held]
        if not found.add(f"dicom.{keyword}", column):
            return None
    for dimension, value in held[0].subgroup.items():
        if all(one.subgroup.get(dimension) == value for one in held):
            found.subgroup[dimension] = value
    images = [one.pixels for one in held if one.pixels is not None]
    if len(images) == len(held):
        _samples("image", images, found, settings)
    return found.inputs()
