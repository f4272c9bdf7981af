"""Counting columns gives what counting one feature at a time gives."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from algovigil.statistics.psi import bin_counts, quantile_edges
from algovigil_processor.bins import Pins, count
from algovigil_processor.derive.bins import binned
from algovigil_processor.schema import SCHEMAS

SECOND = 10**9
NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=32)
ROWS = st.lists(
    st.tuples(NUMBERS, st.sampled_from(["A", "B", "new", ""]), st.sampled_from("nsw")),
    min_size=1,
    max_size=40,
)


def predictions(rows: list[tuple[float, str, str]]) -> pa.RecordBatch:
    """Return *rows* of (x, ward, site) as predictions of model m, a second apart."""
    known = {
        "model_name": ["m"] * len(rows),
        "model_version": ["1"] * len(rows),
        "timestamp": [(1_000_000 + i) * SECOND for i in range(len(rows))],
        "features": [[] if np.isnan(x) else [("x", x)] for x, _, _ in rows],
        "categories": [[("ward", ward)] for _, ward, _ in rows],
        "site": [site for *_, site in rows],
        "error_type": [""] * len(rows),
        "reference_id": [""] * len(rows),
    }
    columns = [
        pa.array(known[f.name], f.type)
        if f.name in known
        else pa.array([[]] * len(rows), f.type)
        if pa.types.is_nested(f.type)
        else pa.nulls(len(rows), f.type)
        for f in SCHEMAS["inferences"]
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMAS["inferences"])


def summed(batch: pa.RecordBatch, bins: int, key: str) -> np.ndarray:
    total = np.zeros(bins, np.int64)
    for row in batch.to_pylist():
        if row["subgroup_key"] == key:
            for code, times in row["counts"]:
                total[code] += times
    return total


@given(ROWS, st.lists(NUMBERS, min_size=1, max_size=30))
@settings(max_examples=150, deadline=None)
def test_counts_are_those_of_one_feature_alone(
    rows: list[tuple[float, str, str]], reference: list[float]
) -> None:
    """Any values, any reference: every row once, in its bin; sites add up."""
    edges = quantile_edges(reference)
    pins = Pins.of(
        "r",
        0,
        {("x", "numeric"): edges},
        {("ward", "categorical"): ("A", "B")},
    )
    counted = count(predictions(rows), "m", "1", pins, 7)
    total = summed(counted, pins.bins, "")
    first = pins.first["x", "numeric"]
    x = np.array([value for value, _, _ in rows])
    assert (
        bin_counts(x, edges).tolist() == total[first : first + len(edges) + 3].tolist()
    )
    wards = [ward for _, ward, _ in rows]
    first = pins.first["ward", "categorical"]
    assert [wards.count(w) for w in ("A", "B", "new", "")] == total[
        first : first + 4
    ].tolist()
    assert total.tolist() == summed(counted, pins.bins, "site").tolist()


def test_rows_carry_the_reference_that_counted_them() -> None:
    """Failed calls, and rows of the reference itself, are marked and not counted."""
    rows = predictions([(1.0, "A", "n"), (2.0, "B", "n"), (3.0, "A", "s")])
    failed = pa.array(["", "ValueError", ""])
    at = rows.schema.get_field_index("error_type")
    rows = rows.set_column(at, rows.schema.field(at), failed)
    pins = Pins.of("r", 1_000_000 * SECOND, {("x", "numeric"): np.arange(9.0)}, {})
    marked, (counted,) = binned(rows, {("m", "1"): pins}, 60)
    assert ["r"] * 3 == marked.column("reference_id").to_pylist()
    assert 1 == summed(counted, pins.bins, "").sum()
    unmarked, none = binned(rows, {("m", "2"): pins}, 60)
    assert ([], ["", "", ""]) == (none, unmarked.column("reference_id").to_pylist())
