"""Calls explode to one row per prediction; a value stays with its row and name."""

from __future__ import annotations

import math
import random
from typing import Any

import pyarrow as pa
import pytest

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.derive import derive
from algovigil_processor.derive.plan import MOST_UNCAPTURED
from algovigil_processor.errors import Permanent, TooLarge
from algovigil_processor.schema import SCHEMAS
from algovigil_processor.telemetry import Telemetry

ORIGIN = Origin("http", 1_700_000_000_000_000_000)
NAN = math.nan
EMPTY: dict[str, Any] = {
    "timestamp": 10**18,
    "duration_ms": 1.5,
    "rows": 1,
    "row_weight": None,
    "peak_memory_bytes": None,
    "energy_j": None,
    "subgroup": [],
    **{
        name: []
        for name in SCHEMAS["calls"].names
        if pa.types.is_list(SCHEMAS["calls"].field(name).type)
    },
}


def batch(*calls: dict[str, Any], policy: str | None = "p1") -> Batch:
    columns = []
    for field in SCHEMAS["calls"]:
        values = [(EMPTY | call).get(field.name, "") for call in calls]
        columns.append(pa.array(values, field.type))
    rows = pa.RecordBatch.from_arrays(columns, schema=SCHEMAS["calls"])
    return Batch("calls", rows, ORIGIN, policy)


def explode(*calls: dict[str, Any]) -> tuple[list[dict[str, Any]], float]:
    telemetry = Telemetry()
    found = derive([batch(*calls)], telemetry)
    rows = [row for b in found for row in b.rows.to_pylist(maps_as_pydicts="strict")]
    return rows, telemetry.total("derive.rejected")


def only(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_rows_by_features() -> None:
    """Row-major values meet their names; NaN, null and '' are named as missing."""
    rows, misfits = explode(
        {
            "inference_id": "i",
            "rows": 2,
            "feature_names": ["a", "b"],
            "feature_values": [1.0, NAN, None, 4.0],
            "category_names": ["k", "l"],
            "category_values": ["x", "", "y", "z"],
            "labels": ["hi", ""],
            "scores": [0.5, None],
            "subgroup": [("sex", "F")],
            "site": "north",
        }
    )
    assert misfits == 0
    assert only(rows, "inference_id", "row", "label", "score") == [
        ("i-0", 0, "hi", 0.5),
        ("i-1", 1, None, None),
    ]
    assert only(rows, "features", "categories", "missing") == [
        ({"a": 1.0}, {"k": "x"}, ["b", "l"]),
        ({"b": 4.0}, {"k": "y", "l": "z"}, ["a"]),
    ]
    assert (
        only(rows, "subgroup", "site", "row_weight", "policy", "duration_ms")
        == [({"sex": "F"}, "north", 1.0, "p1", 1.5)] * 2
    )


@pytest.mark.parametrize(
    ("call", "written"),
    [
        ({"rows": 1}, 1),
        ({"rows": 0}, 0),
        ({"rows": 32}, 1),
        ({"rows": 32, "error_type": "E"}, 32),
        ({"rows": 0, "error_type": "E"}, 1),
        ({"rows": 10**12, "error_type": "E"}, MOST_UNCAPTURED),
    ],
)
def test_calls_that_captured_nothing(call: dict[str, Any], written: int) -> None:
    """Failures count once a row, within a bound; weights add up to the rows passed."""
    rows, _ = explode(call)
    assert len(rows) == written
    assert sum(row["row_weight"] for row in rows) == pytest.approx(
        max(call["rows"], len(rows))
    )


@pytest.mark.parametrize(
    ("call", "expected", "misfits"),
    [
        # scores outvoted by labels and features
        (
            {
                "labels": ["x", "y"],
                "scores": [0.1],
                "feature_names": ["a"],
                "feature_values": [1.0, 2.0],
            },
            [("x", None, {"a": 1.0}), ("y", None, {"a": 2.0})],
            1,
        ),
        # values are no multiple of the names
        (
            {
                "scores": [0.1],
                "feature_names": ["a", "b"],
                "feature_values": [1.0, 2.0, 3.0],
            },
            [(None, 0.1, {})],
            1,
        ),
        # values without names
        ({"scores": [0.1], "feature_values": [1.0]}, [(None, 0.1, {})], 1),
        # names whose values were not captured are no misfit
        ({"scores": [0.1], "feature_names": ["a"]}, [(None, 0.1, {})], 0),
        # a tie: labels go first
        ({"labels": ["x"], "scores": [0.1, 0.2]}, [("x", None, {})], 1),
        # nothing fits: the call itself stays visible
        ({"feature_values": [1.0]}, [(None, None, {})], 1),
    ],
)
def test_misfits_are_left_out_and_counted(
    call: dict[str, Any], expected: list[tuple[Any, ...]], misfits: int
) -> None:
    """What is unambiguous is kept, what is not is dropped, and the call counted."""
    rows, counted = explode(call)
    assert only(rows, "label", "score", "features") == expected
    assert counted == misfits


@pytest.mark.parametrize("weight", [0.0, -1.0, NAN, math.inf, None])
def test_an_impossible_weight_is_as_good_as_none(weight: float | None) -> None:
    """Then each row stands for rows passed by rows captured."""
    rows, _ = explode({"rows": 6, "scores": [0.1, 0.2], "row_weight": weight})
    assert only(rows, "row_weight") == [(3.0,), (3.0,)]


def test_values_class_scores_and_texts_meet_their_rows() -> None:
    """A regression's value, every class's score and free texts, each row its own."""
    rows, misfits = explode(
        {
            "rows": 2,
            "values": [7.5, NAN],
            "class_names": ["a", "b"],
            "class_values": [0.25, 0.75, NAN, 1.0],
            "text_names": ["report"],
            "text_values": ["clear", ""],
            "peak_memory_bytes": 512.0,
            "energy_j": 1.5,
        },
        {},
    )
    assert misfits == 0
    assert only(rows, "value", "class_scores", "texts") == [
        (7.5, {"a": 0.25, "b": 0.75}, {"report": "clear"}),
        (None, {"b": 1.0}, {}),
        (None, {}, {}),
    ]
    assert only(rows, "peak_memory_bytes", "energy_j") == [
        (512.0, 1.5),
        (512.0, 1.5),
        (None, None),
    ]


def test_tensors_are_told_on_every_row_of_their_call() -> None:
    """Type and shape are the call's; the embedding is split over its rows."""
    rows, misfits = explode(
        {
            "labels": ["x", "y"],
            "input_names": ["image", "mask"],
            "input_types": ["float32[1,8,8]", "bool[8,8]"],
            "embedding": [1.0, 2.0, 3.0, 4.0],
        },
        {"labels": ["z"], "embedding": [5.0]},
        {"labels": ["u"]},
    )
    assert misfits == 0
    types = {"image": "float32[1,8,8]", "mask": "bool[8,8]"}
    assert only(rows, "label", "inputs", "embedding") == [
        ("x", types, [1.0, 2.0]),
        ("y", types, [3.0, 4.0]),
        ("z", {}, [5.0]),
        ("u", {}, []),
    ]


@pytest.mark.parametrize(
    "call",
    [
        {"labels": ["x", "y"], "embedding": [1.0, 2.0, 3.0]},
        {"labels": ["x", "y"], "input_names": ["image"]},
        {"labels": ["x", "y"], "class_names": ["a"], "class_values": [0.5]},
    ],
)
def test_parts_that_do_not_fit_their_rows_are_left_out(call: dict[str, Any]) -> None:
    """They are counted, and the rest of the call is kept."""
    rows, misfits = explode(call)
    assert misfits == 1
    assert only(rows, "label", "inputs", "embedding", "class_scores") == [
        ("x", {}, [], {}),
        ("y", {}, [], {}),
    ]


def test_an_unknown_duration_is_not_zero() -> None:
    """A duration that nobody measured is NaN, which no quantile takes in."""
    rows, _ = explode({"duration_ms": None})
    assert math.isnan(rows[0]["duration_ms"])


def test_many_calls_of_all_shapes_keep_their_values_apart() -> None:
    """Each row equals what a plain loop over its own call gives."""
    chance = random.Random(7)
    calls: list[dict[str, Any]] = []
    expected = []
    for i in range(300):
        k, width = chance.randrange(4), chance.randrange(4)
        values = [chance.choice([NAN, chance.random()]) for _ in range(k * width)]
        scores = [chance.random() for _ in range(k)]
        names = [f"f{i}.{j}" for j in range(width)]
        calls.append(
            {
                "inference_id": f"i{i}",
                "rows": k,
                "scores": scores,
                "feature_names": names,
                "feature_values": values,
            }
        )
        for r in range(k):
            row = list(zip(names, values[r * width : (r + 1) * width], strict=True))
            expected.append(
                (
                    f"i{i}-{r}",
                    scores[r],
                    {n: v for n, v in row if v == v},
                    [n for n, v in row if v != v],
                )
            )
    rows, misfits = explode(*calls)
    assert only(rows, "inference_id", "score", "features", "missing") == expected
    assert misfits == 0


def test_a_slice_of_a_batch_is_read_from_where_it_begins() -> None:
    """Offsets of a slice are not those of the whole."""
    calls = [
        {
            "inference_id": f"i{i}",
            "labels": [f"l{i}"],
            "scores": [i / 8],
            "feature_names": [f"n{i}"],
            "feature_values": [float(i)],
        }
        for i in range(6)
    ]
    whole = batch(*calls)
    part = Batch("calls", whole.rows.slice(2, 3), ORIGIN, "p1")
    (found,) = derive([part], Telemetry())
    rows = found.rows.to_pylist(maps_as_pydicts="strict")
    assert only(rows, "inference_id", "label", "score", "features") == [
        (f"i{i}-0", f"l{i}", i / 8, {f"n{i}": float(i)}) for i in (2, 3, 4)
    ]


def test_text_repeated_over_rows_is_bounded() -> None:
    """A huge attribute on a call of very many rows is refused before it is copied."""
    call = {"site": "x" * 1_000_000, "scores": [0.5] * 1_000}
    with pytest.raises(TooLarge, match="fewer rows"):
        explode(call)


def test_what_is_not_sealed_is_not_derived_from() -> None:
    """Rows that were not redacted go no further."""
    with pytest.raises(Permanent, match="unsealed"):
        derive([batch({}, policy=None)], Telemetry())


def test_no_rows_give_no_batch() -> None:
    """A batch without rows is dropped."""
    assert derive([batch({"rows": 0})], Telemetry()) == ()
