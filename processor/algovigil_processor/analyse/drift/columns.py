"""Predictions drawn from the store, as one column a feature, row by row aligned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil.statistics.profile import CategoryColumn, Column, NumericColumn
from algovigil_processor.analyse.store import read
from algovigil_processor.bins import CATEGORICAL, NUMERIC
from algovigil_processor.bins.pairs import numbers, texts

if TYPE_CHECKING:
    from algovigil_processor.analyse.findings import Version
    from algovigil_processor.analyse.store import Store
    from algovigil_processor.bins import Key

MAX_FEATURES: Final = 1024
"""Features that are analysed: 10 000 rows of so many are 80 MB."""
SAMPLED: Final = 64
"""One prediction in so many is in `inference_sample`."""


def draw(
    store: Store,
    version: Version,
    span_ns: tuple[int, int],
    limit: int,
    *,
    earliest: bool = False,
    rows: int = 0,
) -> pa.RecordBatch:
    """Draw at most *limit* predictions made in *span_ns* (excluded, included).

    They are the earliest ones, or else a uniform sample. Where *rows* says that the
    span holds far more, it is drawn from the stored sample, so that the cost of a
    draw is bounded.
    """
    is_large = rows > SAMPLED * limit and not earliest
    table = read(
        store,
        "drift/sample" if is_large else "drift/predictions",
        model=version.model,
        version=version.version,
        after_ns=span_ns[0],
        until_ns=span_ns[1],
        limit=limit,
        earliest=int(earliest),
    )
    return one_batch(table)


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """Return all rows of *table* as one batch."""
    batches = table.combine_chunks().to_batches()
    if batches:
        return batches[0]
    return pa.RecordBatch.from_pylist([], schema=table.schema)


def columns_of(batch: pa.RecordBatch) -> dict[Key, Column]:
    """Return every feature of *batch*; row i of each numeric one is row i."""
    found: dict[Key, Column] = {}
    for flat in numbers(batch):
        order = np.argsort(flat.which, kind="stable")
        ends = np.cumsum(np.bincount(flat.which, minlength=len(flat.names)))
        for place, name in enumerate(flat.names):
            at = order[(ends[place - 1] if place else 0) : ends[place]]
            if at.size and name:
                values = np.full(batch.num_rows, np.nan)
                values[flat.rows[at]] = flat.values[at]
                found[name, NUMERIC] = NumericColumn(values)
    for name, _, levels in texts(batch):
        counted = pc.value_counts(levels.filter(pc.not_equal(levels, "")))
        counts = counted.field("counts").to_numpy()
        if len(counts) and name:
            # of the distinct levels: ten thousand take 0.5 ms
            order = np.argsort(counted.field("values").to_pylist(), kind="stable")
            found[name, CATEGORICAL] = CategoryColumn(
                tuple(counted.field("values").take(pa.array(order)).to_pylist()),
                counts[order],
                missing=batch.num_rows - int(counts.sum()),
            )
    _add_always_missing(batch, found)
    return dict(sorted(found.items())[:MAX_FEATURES])


def _add_always_missing(batch: pa.RecordBatch, found: dict[Key, Column]) -> None:
    """Add what the calls name and never have: a feature that may come back."""
    if "missing" not in batch.schema.names:
        return
    named = pc.unique(batch.column("missing").flatten().cast(pa.string()))
    # of the distinct names of features, which are few
    for name in named.to_pylist():
        if name and (name, NUMERIC) not in found and (name, CATEGORICAL) not in found:
            found[name, NUMERIC] = NumericColumn(np.full(batch.num_rows, np.nan))
