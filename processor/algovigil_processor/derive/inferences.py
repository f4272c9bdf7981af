"""Calls to `inferences`: one row per prediction, exploded by offsets arithmetic.

Invariant: a value stays with its row and its name. An array whose length fits neither
its names nor the other arrays is left out, because nobody can tell whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil_processor.derive.plan import Plan, as_numpy, lengths, passed_of, starts
from algovigil_processor.errors import TooLarge
from algovigil_processor.schema import (
    FLOATS,
    SCHEMAS,
    STRING_MAP,
    TEXT,
    TEXTS,
    empty,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BYTES: Final = 512 * 1024 * 1024
"""Text of the rows of one batch of calls, each row with its copy of the call's."""

_NO_TEXTS: Final = pa.array([], TEXT)
_PER_CALL: Final = (
    "timestamp",
    "trace_id",
    "span_id",
    "service_name",
    "model_name",
    "model_version",
    "framework",
    "operation",
    "site",
    "device",
    "patient_id",
    "encounter_id",
    "error_type",
    "peak_memory_bytes",
    "energy_j",
    "subgroup",
)
_MAPS: Final = {
    "feature": "features",
    "category": "categories",
    "text": "texts",
    "class": "class_scores",
}
"""Column that `<kind>_names` and `<kind>_values` make."""


def inferences(calls: pa.RecordBatch, policy: str) -> tuple[pa.RecordBatch, int]:
    """Return the prediction rows of *calls*, and how many calls have misfit arrays.

    Raises:
        TooLarge: the rows would hold more than `MOST_BYTES` of repeated text.

    """
    plan = Plan.of(calls)
    _check_size(calls, plan.rows)
    columns = {name: plan.repeat(calls.column(name)) for name in _PER_CALL}
    row = pa.array(plan.row)
    columns["row"] = row.cast(pa.uint32())
    ids = plan.repeat(calls.column("inference_id"))
    columns["inference_id"] = pc.binary_join_element_wise(ids, row.cast(TEXT), "-")
    # the table has no null here, and a duration that nobody measured is not 0 ms
    columns["duration_ms"] = plan.repeat(calls.column("duration_ms")).fill_null(np.nan)
    columns["label"] = _element(calls, "labels", plan)
    columns["score"] = _element(calls, "scores", plan)
    columns["value"] = _element(calls, "values", plan)
    columns["row_weight"] = _weights(calls, plan)
    pairs = {kind: _Pairs.of(calls, kind, plan) for kind in _MAPS}
    columns |= {_MAPS[kind]: found.maps() for kind, found in pairs.items()}
    columns["missing"] = _missing(pairs["feature"], pairs["category"])
    columns["inputs"] = _inputs(calls, plan)
    columns["embedding"] = _embedding(calls, plan)
    columns["reference_id"] = pa.repeat(pa.scalar("", TEXT), len(plan.call))
    columns["policy"] = pa.repeat(pa.scalar(policy, TEXT), len(plan.call))
    schema = SCHEMAS["inferences"]
    rows = pa.RecordBatch.from_arrays(
        [columns[name] for name in schema.names], schema=schema
    )
    return rows, plan.misfits


def _weights(calls: pa.RecordBatch, plan: Plan) -> pa.DoubleArray:
    """Return the stated weight if it is one, else rows passed over rows written."""
    passed = passed_of(calls)
    written = np.maximum(plan.rows, 1)
    share = np.maximum(passed, written) / written
    stated = as_numpy(calls.column("row_weight"))
    sane = np.isfinite(stated) & (stated > 0)
    return pa.array(np.where(sane, stated, share)[plan.call])


def _element(calls: pa.RecordBatch, name: str, plan: Plan) -> pa.Array:
    """Return, per row, its element of its call's list; null for '', NaN, a misfit."""
    lists = calls.column(name)
    if not plan.fits[name].any():
        return pa.nulls(len(plan.call), lists.type.value_type)
    flat = lists.flatten()
    at = starts(lists)[plan.call] + plan.row
    found = flat.take(pa.array(at, mask=~plan.fits[name][plan.call]))
    is_text = pa.types.is_string(flat.type)
    blank = pc.equal(found, "") if is_text else pc.is_nan(found)
    return pc.if_else(blank, pa.scalar(None, flat.type), found)


def _inputs(calls: pa.RecordBatch, plan: Plan) -> pa.MapArray:
    """Return, per row, the names and types of the tensors of its call."""
    names, types = calls.column("input_names"), calls.column("input_types")
    width = np.where(plan.fits["input_types"], lengths(types), 0)[plan.call]
    if not width.any():
        return empty(STRING_MAP, len(plan.call))
    position = np.arange(int(width.sum())) - np.repeat(np.cumsum(width) - width, width)
    name_at = np.repeat(starts(names)[plan.call], width) + position
    type_at = np.repeat(starts(types)[plan.call], width) + position
    return pa.MapArray.from_arrays(
        pa.array(np.concatenate(([0], np.cumsum(width))).astype(np.int32)),
        names.flatten().take(pa.array(name_at)).fill_null(""),
        types.flatten().take(pa.array(type_at)).fill_null(""),
    )


def _embedding(calls: pa.RecordBatch, plan: Plan) -> pa.ListArray:
    """Return, per row, its share of the embedding of its call."""
    lists = calls.column("embedding")
    sizes = np.where(plan.fits["embedding"], lengths(lists), 0)
    width = (sizes // np.maximum(plan.rows, 1))[plan.call]
    if not width.any():
        return empty(FLOATS, len(plan.call))
    position = np.arange(int(width.sum())) - np.repeat(np.cumsum(width) - width, width)
    first = starts(lists)[plan.call] + plan.row * width
    at = pa.array(np.repeat(first, width) + position)
    return pa.ListArray.from_arrays(
        pa.array(np.concatenate(([0], np.cumsum(width))).astype(np.int32)),
        lists.flatten().take(at).fill_null(np.nan),
    )


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Names and values of all rows, flat, with the row of each."""

    rows: int
    row: NDArray[np.int64]
    names: pa.StringArray
    values: pa.Array
    there: NDArray[np.bool_]
    """The value is neither null, NaN nor ''."""

    @classmethod
    def of(cls, calls: pa.RecordBatch, kind: str, plan: Plan) -> _Pairs:
        """Pair `<kind>_values`, row-major, with `<kind>_names` of the same call."""
        names, values = calls.column(f"{kind}_names"), calls.column(f"{kind}_values")
        rows = np.flatnonzero(plan.fits[f"{kind}_values"][plan.call])
        if not len(rows):
            nothing = pa.array([], values.type.value_type)
            return cls(len(plan.call), rows, _NO_TEXTS, nothing, rows > 0)
        call = plan.call[rows]
        width = lengths(names)[call]
        # position of each pair in its row; then where its name and value are
        first = np.repeat(np.cumsum(width) - width, width)
        position = np.arange(int(width.sum())) - first
        name_at = np.repeat(starts(names)[call], width) + position
        value_at = np.repeat(starts(values)[call] + plan.row[rows] * width, width)
        flat = values.flatten().take(pa.array(value_at + position))
        is_text = pa.types.is_string(flat.type)
        blank = pc.equal(flat, "") if is_text else pc.is_nan(flat)
        return cls(
            rows=len(plan.call),
            row=np.repeat(rows, width),
            names=names.flatten().take(pa.array(name_at)).fill_null(""),
            values=flat,
            there=~as_numpy(blank.fill_null(True)).astype(np.bool_),
        )

    def maps(self) -> pa.MapArray:
        """Return one map per row of the values that are there."""
        if not len(self.row):
            return empty(pa.map_(TEXT, self.values.type), self.rows)
        there = pa.array(self.there)
        return pa.MapArray.from_arrays(
            _offsets(self.row[self.there], self.rows),
            self.names.filter(there),
            self.values.filter(there),
        )


def _missing(*kinds: _Pairs) -> pa.ListArray:
    """Return, per row, the names of the values that are not there."""
    row = np.concatenate([pairs.row[~pairs.there] for pairs in kinds])
    if not len(row):
        return empty(TEXTS, kinds[0].rows)
    names = pa.concat_arrays([p.names.filter(pa.array(~p.there)) for p in kinds])
    order = np.argsort(row, kind="stable")
    return pa.ListArray.from_arrays(
        _offsets(row, kinds[0].rows), names.take(pa.array(order))
    )


def _offsets(row: NDArray[np.int64], rows: int) -> pa.Int32Array:
    counts = np.bincount(row, minlength=rows)
    return pa.array(np.concatenate(([0], np.cumsum(counts))).astype(np.int32))


def _check_size(calls: pa.RecordBatch, rows: NDArray[np.int64]) -> None:
    most = int(rows.max(initial=0))  # of one each, none is repeated
    if most <= 1 or calls.nbytes * most <= MOST_BYTES:
        return
    repeated = ("inference_id", "input_names", "input_types")
    copied = (*_PER_CALL, *repeated, *(f"{kind}_names" for kind in _MAPS))
    sizes = (_text_bytes(calls.column(name)) for name in copied)
    if sum(int(rows @ size) for size in sizes) > MOST_BYTES:
        raise TooLarge(
            "found: calls whose attributes, repeated for each row, take over "
            f"{MOST_BYTES} bytes; hint: send fewer rows a request"
        )


def _text_bytes(column: pa.Array) -> NDArray[np.int64]:
    """Return the bytes of text per element: of a string, a list, a map, else 0."""
    if pa.types.is_string(column.type):
        return as_numpy(pc.binary_length(column).fill_null(0)).astype(np.int64)
    if pa.types.is_map(column.type):
        pairs = _text_bytes(column.keys) + _text_bytes(column.items)
        ends = np.concatenate(([0], np.cumsum(pairs)))[as_numpy(column.offsets)]
        return np.diff(ends)
    if pa.types.is_list(column.type):
        ends = np.concatenate(([0], np.cumsum(_text_bytes(column.flatten()))))
        first = starts(column)
        return ends[first + lengths(column)] - ends[first]
    return np.zeros(len(column), np.int64)
