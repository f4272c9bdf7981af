"""Calls to `inferences`: one row per prediction, exploded by offsets arithmetic.

Invariant: a value stays with its row and its name. An array whose length fits neither
its names nor the other arrays is left out, because nobody can tell whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil_processor.errors import TooLarge
from algovigil_processor.schema import SCHEMAS, TEXT

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_UNCAPTURED: Final = 1_000
"""Rows written for a failed call that captured none; `row_weight` holds the rest."""

MOST_BYTES: Final = 512 * 1024 * 1024
"""Text of the rows of one batch of calls, each row with its copy of the call's."""

_FLOAT: Final = pa.float64()
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
    "subgroup",
)


def inferences(calls: pa.RecordBatch, policy: str) -> tuple[pa.RecordBatch, int]:
    """Return the prediction rows of *calls*, and how many calls have misfit arrays.

    Raises:
        TooLarge: the rows would hold more than `MOST_BYTES` of repeated text.

    """
    plan = _Plan.of(calls)
    _check_size(calls, plan.rows)
    at = pa.array(plan.call)
    columns = {name: calls.column(name).take(at) for name in _PER_CALL}
    row = pa.array(plan.row)
    columns["row"] = row.cast(pa.uint32())
    ids = calls.column("inference_id").take(at)
    columns["inference_id"] = pc.binary_join_element_wise(ids, row.cast(TEXT), "-")
    # the table has no null here, and a duration that nobody measured is not 0 ms
    columns["duration_ms"] = calls.column("duration_ms").take(at).fill_null(np.nan)
    label = _element(calls.column("labels"), plan.labels, plan)
    columns["label"] = pc.if_else(pc.equal(label, ""), pa.scalar(None, TEXT), label)
    score = _element(calls.column("scores"), plan.scores, plan)
    columns["score"] = pc.if_else(pc.is_nan(score), pa.scalar(None, _FLOAT), score)
    columns["row_weight"] = _weights(calls, plan)
    features = _Pairs.of(calls, "feature", plan.features, plan)
    categories = _Pairs.of(calls, "category", plan.categories, plan)
    columns["features"] = features.maps()
    columns["categories"] = categories.maps()
    columns["missing"] = _missing(features, categories)
    columns["policy"] = pa.repeat(pa.scalar(policy, TEXT), len(plan.call))
    schema = SCHEMAS["inferences"]
    rows = pa.RecordBatch.from_arrays(
        [columns[name] for name in schema.names], schema=schema
    )
    return rows, plan.misfits


@dataclass(frozen=True, slots=True)
class _Plan:
    """How many rows each call gives, and which of its arrays fill them."""

    rows: NDArray[np.int64]
    """Per call."""
    call: NDArray[np.int64]
    """Per row to be written: its call; below, its number in the call."""
    row: NDArray[np.int64]
    labels: NDArray[np.bool_]
    """Per call: the labels fit; so do the three below."""
    scores: NDArray[np.bool_]
    features: NDArray[np.bool_]
    categories: NDArray[np.bool_]
    misfits: int

    @classmethod
    def of(cls, calls: pa.RecordBatch) -> _Plan:
        """Decide by vote: most arrays that agree on a number of rows, win.

        On a tie labels go before scores, scores before features and categories.
        """
        sizes = np.stack(
            [
                _lengths(calls.column("labels")),
                _lengths(calls.column("scores")),
                _rows_of(calls, "feature"),
                _rows_of(calls, "category"),
            ],
            axis=1,
        )
        there = sizes > 0
        agree = (sizes[:, :, None] == sizes[:, None, :]) & there[:, None, :]
        votes = agree.sum(axis=2) * there
        best = votes.argmax(axis=1)
        captured = np.maximum(sizes[np.arange(len(sizes)), best], 0)
        fits = there & (sizes == captured[:, None])
        misfits = ((sizes != 0) & ~fits).any(axis=1)
        rows = np.where(captured > 0, captured, _uncaptured(calls))
        call = np.repeat(np.arange(len(rows)), rows)
        first = np.cumsum(rows) - rows
        return cls(
            rows=rows,
            call=call,
            row=np.arange(len(call)) - first[call],
            labels=fits[:, 0],
            scores=fits[:, 1],
            features=fits[:, 2],
            categories=fits[:, 3],
            misfits=int(misfits.sum()),
        )


def _uncaptured(calls: pa.RecordBatch) -> NDArray[np.int64]:
    """Return the rows of a call that captured none: a failure is never invisible."""
    passed = np.maximum(_numpy(calls.column("rows").fill_null(1)), 0)
    failed = _numpy(pc.not_equal(calls.column("error_type"), ""))
    return np.where(failed, np.clip(passed, 1, MOST_UNCAPTURED), np.minimum(passed, 1))


def _rows_of(calls: pa.RecordBatch, kind: str) -> NDArray[np.int64]:
    """Return values / names per call; -1 where that is no whole number of rows."""
    names = _lengths(calls.column(f"{kind}_names"))
    values = _lengths(calls.column(f"{kind}_values"))
    whole = (values % np.maximum(names, 1) == 0) & ((names > 0) | (values == 0))
    return np.where(whole, values // np.maximum(names, 1), -1)


def _weights(calls: pa.RecordBatch, plan: _Plan) -> pa.DoubleArray:
    """Return the stated weight if it is one, else rows passed over rows written."""
    passed = _numpy(calls.column("rows").fill_null(1))
    written = np.maximum(plan.rows, 1)
    share = np.maximum(passed, written) / written
    stated = _numpy(calls.column("row_weight"))
    sane = np.isfinite(stated) & (stated > 0)
    return pa.array(np.where(sane, stated, share)[plan.call])


def _element(lists: pa.ListArray, fits: NDArray[np.bool_], plan: _Plan) -> pa.Array:
    """Return, per row, its element of its call's list, null where that misfits."""
    flat = lists.flatten()
    if not len(flat):
        return pa.nulls(len(plan.call), flat.type)
    at = _starts(lists)[plan.call] + plan.row
    return flat.take(pa.array(at, mask=~fits[plan.call]))


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
    def of(
        cls, calls: pa.RecordBatch, kind: str, fits: NDArray[np.bool_], plan: _Plan
    ) -> _Pairs:
        """Pair `<kind>_values`, row-major, with `<kind>_names` of the same call."""
        names, values = calls.column(f"{kind}_names"), calls.column(f"{kind}_values")
        rows = np.flatnonzero(fits[plan.call])
        call = plan.call[rows]
        width = _lengths(names)[call]
        # position of each pair in its row; then where its name and value are
        first = np.repeat(np.cumsum(width) - width, width)
        position = np.arange(int(width.sum())) - first
        name_at = np.repeat(_starts(names)[call], width) + position
        value_at = np.repeat(_starts(values)[call] + plan.row[rows] * width, width)
        flat = values.flatten().take(pa.array(value_at + position))
        empty = pc.is_nan(flat) if kind == "feature" else pc.equal(flat, "")
        return cls(
            rows=len(plan.call),
            row=np.repeat(rows, width),
            names=names.flatten().take(pa.array(name_at)).fill_null(""),
            values=flat,
            there=~_numpy(empty.fill_null(True)).astype(np.bool_),
        )

    def maps(self) -> pa.MapArray:
        """Return one map per row of the values that are there."""
        there = pa.array(self.there)
        return pa.MapArray.from_arrays(
            _offsets(self.row[self.there], self.rows),
            self.names.filter(there),
            self.values.filter(there),
        )


def _missing(*kinds: _Pairs) -> pa.ListArray:
    """Return, per row, the names of the values that are not there."""
    row = np.concatenate([pairs.row[~pairs.there] for pairs in kinds])
    names = pa.concat_arrays([p.names.filter(pa.array(~p.there)) for p in kinds])
    order = np.argsort(row, kind="stable")
    return pa.ListArray.from_arrays(
        _offsets(row, kinds[0].rows), names.take(pa.array(order))
    )


def _offsets(row: NDArray[np.int64], rows: int) -> pa.Int32Array:
    counts = np.bincount(row, minlength=rows)
    return pa.array(np.concatenate(([0], np.cumsum(counts))).astype(np.int32))


def _lengths(lists: pa.ListArray) -> NDArray[np.int64]:
    return _numpy(pc.list_value_length(lists).fill_null(0)).astype(np.int64)


def _starts(lists: pa.ListArray) -> NDArray[np.int64]:
    """Return where each list begins in `lists.flatten()`."""
    lengths = _lengths(lists)
    return np.cumsum(lengths) - lengths


def _numpy(column: pa.Array) -> NDArray[Any]:
    return column.to_numpy(zero_copy_only=False)


def _check_size(calls: pa.RecordBatch, rows: NDArray[np.int64]) -> None:
    if not len(rows) or calls.nbytes * int(rows.max()) <= MOST_BYTES:
        return
    copied = (*_PER_CALL, "inference_id", "feature_names", "category_names")
    sizes = (_text_bytes(calls.column(name)) for name in copied)
    if sum(int(rows @ size) for size in sizes) > MOST_BYTES:
        raise TooLarge(
            "found: calls whose attributes, repeated for each row, take over "
            f"{MOST_BYTES} bytes; hint: send fewer rows a request"
        )


def _text_bytes(column: pa.Array) -> NDArray[np.int64]:
    """Return the bytes of text per element: of a string, a list, a map, else 0."""
    if pa.types.is_string(column.type):
        return _numpy(pc.binary_length(column).fill_null(0)).astype(np.int64)
    if pa.types.is_map(column.type):
        pairs = _text_bytes(column.keys) + _text_bytes(column.items)
        ends = np.concatenate(([0], np.cumsum(pairs)))[_numpy(column.offsets)]
        return np.diff(ends)
    if pa.types.is_list(column.type):
        ends = np.concatenate(([0], np.cumsum(_text_bytes(column.flatten()))))
        first = _starts(column)
        return ends[first + _lengths(column)] - ends[first]
    return np.zeros(len(column), np.int64)
