"""Model calls with their typed arrays, read straight from the wire (docs/wire.md).

Invariant: what a sender left out stays out: '' for a text, null for a number, an
empty list for an array. No zero is made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil import semconv
from algovigil_processor.decode.attributes import Attributes, pick
from algovigil_processor.decode.columns import (
    blank,
    filled,
    listed,
    mask,
    numbers,
    owners,
    starts,
    wrap,
)
from algovigil_processor.decode.values import as_doubles
from algovigil_processor.schema import FLOATS, SCHEMAS, TEXT, TEXTS, empty

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUBGROUP: Final = f"{semconv.SUBGROUP}."
_ERROR_TYPE: Final = "error.type"
_TEXTS: Final = {
    "model_name": semconv.MODEL_NAME,
    "model_version": semconv.MODEL_VERSION,
    "framework": semconv.MODEL_FRAMEWORK,
    "operation": semconv.OPERATION,
    "site": semconv.SITE,
    "device": semconv.DEVICE,
    "patient_id": semconv.PATIENT_ID,
    "encounter_id": semconv.ENCOUNTER_ID,
}
_NAMES: Final = (
    *_TEXTS.values(),
    _ERROR_TYPE,
    semconv.INFERENCE_ID,
    semconv.ROWS,
    semconv.ROW_WEIGHT,
    semconv.DURATION_MS,
    semconv.FEATURE_NAMES,
    semconv.FEATURE_VALUES,
    semconv.CATEGORY_NAMES,
    semconv.CATEGORY_VALUES,
    semconv.TEXT_NAMES,
    semconv.TEXT_VALUES,
    semconv.INPUT_NAMES,
    semconv.INPUT_TYPES,
    semconv.EMBEDDING,
    semconv.MEMORY_PEAK,
    semconv.ENERGY,
    semconv.PREDICTION_LABEL,
    semconv.PREDICTION_LABELS,
    semconv.PREDICTION_SCORE,
    semconv.PREDICTION_SCORES,
    semconv.PREDICTION_VALUE,
    semconv.PREDICTION_VALUES,
    semconv.PREDICTION_CLASSES,
    semconv.PREDICTION_CLASS_SCORES,
)
_MOST_ROWS: Final = 2**53
NO_CALLS: Final = pa.RecordBatch.from_arrays(
    [pa.array([], field.type) for field in SCHEMAS["calls"]], schema=SCHEMAS["calls"]
)


@dataclass(frozen=True, slots=True)
class Callers:
    """What the span or log record says of its call, per call."""

    timestamp: Any
    duration_ms: pa.DoubleArray | None
    """None: taken from `medical_ai.duration_ms`."""
    trace_id: pa.StringArray
    span_id: pa.StringArray
    service_name: pa.StringArray
    failed: NDArray[np.bool_]


def named(attributes: Attributes) -> NDArray[np.bool_]:
    """Return which rows carry the name of a model."""
    return filled(attributes.column(semconv.MODEL_NAME))


def is_span_call(attributes: Attributes) -> NDArray[np.bool_]:
    """Return which spans are calls whose rows are not left to a log record."""
    calls = named(attributes)
    if semconv.ROWS_CARRIER in attributes.vocabulary and calls.any():
        carrier = attributes.column(semconv.ROWS_CARRIER)
        calls = calls & numbers(pc.not_equal(carrier, "log"))
    return calls


def has_inference_id(attributes: Attributes) -> NDArray[np.bool_]:
    """Return which rows give an inference id of their own."""
    return filled(attributes.column(semconv.INFERENCE_ID))


def calls(
    attributes: Attributes, rows: NDArray[np.int64], callers: Callers
) -> pa.RecordBatch:
    """Return one row of table `calls` for each of *rows* of *attributes*."""
    schema = SCHEMAS["calls"]
    read = _Reader(attributes, rows)
    columns = {name: read.text(key) for name, key in _TEXTS.items()}
    columns |= {
        "timestamp": callers.timestamp,
        "trace_id": callers.trace_id,
        "span_id": callers.span_id,
        "service_name": callers.service_name,
        "error_type": _error_type(read.text(_ERROR_TYPE), callers.failed),
        "inference_id": _or(read.text(semconv.INFERENCE_ID), callers.span_id),
        "row_weight": read.number(semconv.ROW_WEIGHT),
        "feature_names": read.texts(semconv.FEATURE_NAMES),
        "feature_values": read.numbers(semconv.FEATURE_VALUES),
        "category_names": read.texts(semconv.CATEGORY_NAMES),
        "category_values": read.texts(semconv.CATEGORY_VALUES),
        "text_names": read.texts(semconv.TEXT_NAMES),
        "text_values": read.texts(semconv.TEXT_VALUES),
        "input_names": read.texts(semconv.INPUT_NAMES),
        "input_types": read.texts(semconv.INPUT_TYPES),
        "embedding": read.numbers(semconv.EMBEDDING),
        "peak_memory_bytes": read.number(semconv.MEMORY_PEAK),
        "energy_j": read.number(semconv.ENERGY),
        "labels": read.texts(semconv.PREDICTION_LABELS, semconv.PREDICTION_LABEL),
        "scores": read.numbers(semconv.PREDICTION_SCORES, semconv.PREDICTION_SCORE),
        "values": read.numbers(semconv.PREDICTION_VALUES, semconv.PREDICTION_VALUE),
        "class_names": read.texts(semconv.PREDICTION_CLASSES),
        "class_values": read.numbers(semconv.PREDICTION_CLASS_SCORES),
        "subgroup": _subgroups(attributes, rows),
    }
    columns["duration_ms"] = (
        read.number(semconv.DURATION_MS)
        if callers.duration_ms is None
        else callers.duration_ms
    )
    columns["rows"] = _rows(read.number(semconv.ROWS), columns)
    return pa.RecordBatch.from_arrays(
        [columns[name] for name in schema.names], schema=schema
    )


class _Reader:
    """Attributes of chosen rows by name and type."""

    def __init__(self, attributes: Attributes, rows: NDArray[np.int64]) -> None:
        self._attributes: Final = attributes
        found = attributes.find(_NAMES)[:, rows]
        self._found: Final = dict(zip(_NAMES, found, strict=True))
        self._rows: Final = len(rows)
        there = np.flatnonzero((found >= 0).any(axis=1))
        self._there: Final = {_NAMES[i] for i in there.tolist()}

    def text(self, name: str) -> pa.StringArray:
        if name not in self._there:
            return blank(self._rows)
        return self._attributes.text(self._found[name])

    def number(self, name: str) -> pa.DoubleArray:
        if name not in self._there:
            return pa.nulls(self._rows, pa.float64())
        at = self._attributes.typed(self._found[name])
        return as_doubles(pick(self._attributes.values, at))

    def texts(self, name: str, single: str = "") -> pa.ListArray:
        """Return the array *name*; else the one text *single*; else nothing."""
        lists, given = self._lists(name, TEXTS)
        if single not in self._there:
            return lists
        scalar = self._found[single]
        value = self._attributes.text(scalar)
        return _or_single(lists, given, value, scalar >= 0)

    def numbers(self, name: str, single: str = "") -> pa.ListArray:
        """Return the array *name*; else the one number *single*; else nothing."""
        lists, given = self._lists(name, FLOATS)
        if single not in self._there:
            return lists
        value = self.number(single)
        return _or_single(lists, given, value, mask(value))

    def _lists(self, name: str, kind: Any) -> tuple[pa.ListArray, NDArray[np.bool_]]:
        arrays = self._attributes.arrays
        if arrays is None or name not in self._there:
            return empty(kind, self._rows), np.zeros(self._rows, np.bool_)
        at = self._attributes.typed(self._found[name])
        which = np.where(at < 0, -1, arrays.distinct[at])
        lists = arrays.doubles(which) if kind is FLOATS else arrays.strings(which)
        return lists, which >= 0


def _or_single(
    lists: pa.ListArray,
    given: NDArray[np.bool_],
    value: Any,
    there: NDArray[np.bool_],
) -> pa.ListArray:
    use = there & ~given
    if not use.any():
        return lists
    n = len(lists)
    single = listed(np.arange(n + 1, dtype=np.int32), value)
    if use.all():
        return single
    index = np.arange(n) + np.where(use, n, 0)
    return pa.concat_arrays([lists, single]).take(wrap(index, pa.int64()))


def _or(texts: pa.StringArray, otherwise: pa.StringArray) -> pa.StringArray:
    given = filled(texts)
    if given.all():
        return texts
    return pc.if_else(pa.array(given), texts, otherwise) if given.any() else otherwise


def _error_type(texts: pa.StringArray, failed: NDArray[np.bool_]) -> pa.StringArray:
    if not failed.any():
        return texts
    return _or(texts, pc.if_else(pa.array(failed), "error", ""))


def _rows(stated: pa.DoubleArray, columns: dict[str, Any]) -> pa.Int64Array:
    """Return rows passed: as stated, else as captured, else 1."""
    captured = np.zeros(len(stated), np.int64)
    for values, names in (
        ("feature_values", "feature_names"),
        ("labels", ""),
        ("scores", ""),
        ("values", ""),
    ):
        size = np.diff(starts(columns[values]))
        width = np.diff(starts(columns[names])) if names else 1
        captured = np.maximum(captured, size // np.maximum(width, 1))
    told = numbers(stated)
    with np.errstate(invalid="ignore"):
        sane = (told >= 0) & (told <= _MOST_ROWS)
    given = np.where(sane, told, 0).astype(np.int64)
    return pa.array(np.where(sane, given, np.maximum(captured, 1)))


def _subgroups(attributes: Attributes, rows: NDArray[np.int64]) -> pa.MapArray:
    """Return `medical_ai.subgroup.<dimension>` of *rows* as maps by dimension."""
    wanted = [c for k, c in attributes.vocabulary.items() if k.startswith(_SUBGROUP)]
    if not wanted:
        return empty(SCHEMAS["calls"].field("subgroup").type, len(rows))
    entries = np.flatnonzero(np.isin(attributes.codes, wanted))
    number = np.full(len(attributes.offsets) - 1, -1, np.int64)
    number[rows] = np.arange(len(rows))
    row = number[owners(attributes.offsets)[entries]]
    entries, row = entries[row >= 0], row[row >= 0]
    counts = np.bincount(row, minlength=len(rows))
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    at = wrap(entries, pa.int64())
    dimensions = pc.utf8_slice_codeunits(attributes.keys.take(at), len(_SUBGROUP))
    return pa.MapArray.from_arrays(
        wrap(offsets, pa.int32()),
        dimensions.cast(TEXT),
        attributes.texts.take(at),
    )
