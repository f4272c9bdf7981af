"""Whatever is passed to a model, the call goes on and what is kept is true."""

from __future__ import annotations

import datetime
import decimal
import logging
import math
import time
import tracemalloc
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from algovigil import capture, hold, monitor, semconv, track_inference
from algovigil.config import Capture, MonitoringConfig
from algovigil.testing import Captured
from algovigil.testing import capture as recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITS = Capture()
NAN = math.nan


def columns(table: Any, names: tuple[str, ...] = ()) -> capture.Inputs | None:
    return capture.inputs(hold.take(table, None, LIMITS), names, LIMITS)


def generator() -> Iterator[int]:
    yield 1


class Odd:
    """Looks like an array, and is none."""

    shape = (1, 2)
    dtype = "strange"


WILD: dict[str, Any] = {
    "none": None,
    "ragged": [[1.0, 2.0], [3.0]],
    "ragged deep": [[[1.0], [2.0, 3.0]], [[4.0]]],
    "empty list": [],
    "empty rows": [[], []],
    "zero rows": np.zeros((0, 3)),
    "zero columns": np.zeros((3, 0)),
    "zero frame": pd.DataFrame(),
    "no dimensions": np.array(3.0),
    "complex": np.zeros((2, 2), complex),
    "times": np.array([["2020-01-01"]], "datetime64[D]"),
    "spans of time": np.array([[1]], "timedelta64[s]"),
    "objects": np.array([[object(), 1.0]], object),
    "structured": np.array([(1, 2.5, "a")], [("a", "i4"), ("b", "f8"), ("c", "U1")]),
    "masked": np.ma.masked_array([[1.0, 2.0]], [[True, False]]),
    "half": np.ones((2, 2), np.float16),
    "long double": np.ones((2, 2), np.longdouble),
    "huge integers": [[10**400, 1]],
    "bytes": b"\x00\x01",
    "a text": "a document",
    "generator": generator(),
    "set": {1.0, 2.0},
    "class": Odd,
    "odd": Odd(),
    "sparse coo": sp.coo_matrix([[0.0, 1.0]]),
    "sparse dok": sp.dok_matrix((2, 2)),
    "sparse csc": sp.csc_array([[0.0, 1.0]]),
    "decimals": [[decimal.Decimal("1.5"), 2]],
    "dates": [[datetime.date(2020, 1, 1), 2.0]],
    "mapping of nothing": {},
    "mapping of ragged": {"a": [1, 2], "b": [1]},
    "mapping of mappings": {"a": {"b": 1}},
    "rows of unlike keys": [{"a": 1.0}, {"b": 2.0}],
    "extension types": pd.DataFrame(
        {
            "i": pd.array([1, None], "Int64"),
            "b": pd.array([True, None], "boolean"),
            "s": pd.array(["x", None], "string"),
            "t": pd.to_datetime(["2020-01-01", None]),
            "p": pd.period_range("2020", periods=2, freq="Y"),
            "c": pd.Categorical(["x", None]),
        }
    ),
    "series": pd.Series([1.0, 2.0]),
    "multi index": pd.DataFrame([[1.0, 2.0]], columns=[("a", "b"), ("a", "c")]),
    "duplicate names": pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]),
    "numbers as names": pd.DataFrame([[1.0, 2.0]]),
    "infinite": np.array([[math.inf, -math.inf, NAN]]),
    "lone surrogate": [["\ud800", 1.0]],
    "function": len,
}


@pytest.mark.parametrize("table", WILD.values(), ids=WILD)
def test_nothing_that_is_passed_hurts_a_call(
    captured: Captured, table: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One record, the caller's own object back, and not a word in the log."""

    @monitor("m")
    def model(rows: Any) -> Any:
        return rows

    with caplog.at_level(logging.DEBUG, "algovigil"):
        assert model(table) is table
    assert 1 == len(captured.spans)
    assert [] == caplog.messages


@pytest.mark.parametrize(
    ("case", "features", "categories"),
    [
        ("structured", {"a": 1.0, "b": 2.5}, {"c": "a"}),
        ("masked", {"f0": NAN, "f1": 2.0}, {}),
        ("decimals", {"f1": 2.0}, {}),
        ("dates", {"f1": 2.0}, {}),
        ("multi index", {"a.b": 1.0, "a.c": 2.0}, {}),
        ("duplicate names", {"a": 1.0, "a.1": 2.0}, {}),
        ("numbers as names", {"0": 1.0, "1": 2.0}, {}),
        ("infinite", {"f0": math.inf, "f1": -math.inf, "f2": NAN}, {}),
        ("sparse csc", {"f0": 0.0, "f1": 1.0}, {}),
        ("sparse coo", {"f0": 0.0, "f1": 1.0}, {}),
        ("huge integers", {"f1": 1.0}, {}),
    ],
)
def test_what_is_kept_of_odd_types_is_exact(
    case: str, features: dict[str, float], categories: dict[str, str]
) -> None:
    """Numbers as they are, missing as NaN, the rest left out."""
    found = columns(WILD[case])
    assert found is not None
    assert str(features) == str(
        dict(zip(found.feature_names, found.feature_values, strict=True))
    )
    assert categories == dict(
        zip(found.category_names, found.category_values, strict=True)
    )


def test_extension_types_keep_what_is_missing() -> None:
    """NA is NaN or '', times and periods are left out."""
    found = columns(WILD["extension types"])
    assert found is not None
    assert ("i", "b") == found.feature_names
    assert [1.0, 1.0] == list(found.feature_values[:2])
    assert all(math.isnan(value) for value in found.feature_values[2:])
    assert ("s", "c") == found.category_names
    assert ["x", "x", "", ""] == list(found.category_values)


MILLION = 1_000_000
LARGE = {
    "array": lambda n: np.zeros((n, 30)),
    "fortran": lambda n: np.zeros((n, 30), order="F"),
    "objects": lambda n: np.zeros((n, 3), object),
    "sparse": lambda n: sp.csr_matrix((n, 30)),
    "frame": lambda n: pd.DataFrame(np.zeros((n, 30))),
    "mixed frame": lambda n: pd.DataFrame({"a": np.zeros(n), "b": ["x"] * n}),
    "list": lambda n: [[0.0] * 3] * n,
    "mapping": lambda n: {"a": [0.0] * n, "b": np.zeros(n)},
    "texts": lambda n: ["a document"] * n,
    "series": lambda n: pd.Series(["a document"] * n),
    "images": lambda n: np.zeros((n // 100, 3, 10, 10), np.uint8),
}


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_a_million_rows_cost_the_caller_what_the_cap_costs(make: Any) -> None:
    """Nothing of the table's size is allocated while the caller waits."""
    table = make(MILLION)
    count = capture.row_count(table)
    assert count is not None
    picked = capture.pick(count, LIMITS.max_rows, Random(0))
    assert picked is not None
    hold.take(table, picked, LIMITS)
    tracemalloc.start()
    held = hold.take(table, picked, LIMITS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_500_000
    assert hold.size(held) < 1_500_000


def test_a_million_rows_take_no_longer_than_ten_thousand() -> None:
    """The time is that of the rows kept: a hundred times the table, a few times it."""

    def best(rows: int) -> float:
        table = np.zeros((rows, 30))
        times = []
        for turn in range(9):
            begin = time.perf_counter()
            count = capture.row_count(table) or 0
            picked = capture.pick(count, LIMITS.max_rows, Random(turn))
            hold.take(table, picked, LIMITS)
            times.append(time.perf_counter() - begin)
        return min(times)

    assert best(MILLION) < 10 * best(10_000)


def test_answers_that_do_not_fit_are_absent(captured: Captured) -> None:
    """Several outputs, other numbers of rows, ragged or none: no wrong label."""
    rows = [[1.0, 2.0], [3.0, 4.0]]
    wild: list[Any] = [
        None,
        [[1, 0], [0, 1]],
        [1, 2, 3],
        [[0.1, 0.9], [0.5]],
        [np.array([[0.5, 0.5]] * 2), np.array([[0.1, 0.9]] * 2)],
        np.zeros((2, 4, 4)),
        {"label": "x"},
        object(),
    ]
    for answers in wild:
        with track_inference("m") as call:
            call.record_inputs(rows)
            call.record_outputs(labels=answers)
    assert len(wild) == len(captured.spans)
    for span in captured.spans:
        assert semconv.PREDICTION_LABELS not in (span.attributes or {})


def test_answers_of_pipelines_name_their_labels(captured: Captured) -> None:
    """A label and its score, as Transformers answer."""
    with track_inference("m") as call:
        call.record_inputs(["a report", "another"])
        call.record_outputs(
            [{"label": "high", "score": 0.9}, {"label": "low", "score": 1}]
        )
    attributes = captured.spans[0].attributes or {}
    assert ("high", "low") == attributes[semconv.PREDICTION_LABELS]
    assert (0.9, 1.0) == attributes[semconv.PREDICTION_SCORES]
    assert 2 == attributes[semconv.ROWS]


def test_every_class_has_its_score(captured: Captured) -> None:
    """Probabilities are kept whole, beside the score of the label."""
    with track_inference("m") as call:
        call.record_inputs([[1.0]])
        call.record_outputs([[0.1, 0.2, 0.7]], classes=("a", "b", "c"))
    attributes = captured.spans[0].attributes or {}
    assert ("c",) == attributes[semconv.PREDICTION_LABELS]
    assert (0.7,) == attributes[semconv.PREDICTION_SCORES]
    assert ("a", "b", "c") == attributes[semconv.PREDICTION_CLASSES]
    assert (0.1, 0.2, 0.7) == attributes[semconv.PREDICTION_CLASS_SCORES]


SECRET = "John Smith, MRN 1234567"


def test_identifiers_do_not_leave_as_columns() -> None:
    """Not as names, not as numbers, not as categories; ages stop at 90."""
    frame = pd.DataFrame(
        {
            "age": [95.0],
            "mrn": [1234567.0],
            "lactate": [2.1],
            "ssn": ["123-45-6789"],
            "ward": ["ICU"],
            "contact": ["john.smith@example.org"],
            "MRN 7654321": [1.0],
        }
    )
    with recorded() as captured:
        with track_inference("m") as call:
            call.record_inputs(frame)
            call.record_outputs(labels=["call john.smith@example.org"])
        (span,) = captured.spans
    attributes: Any = span.attributes or {}
    features = dict(
        zip(
            attributes[semconv.FEATURE_NAMES],
            attributes[semconv.FEATURE_VALUES],
            strict=True,
        )
    )
    assert 90.0 == features["age"]
    assert 2.1 == features["lactate"]
    assert "mrn" not in features
    assert "ICU" in attributes[semconv.CATEGORY_VALUES]
    for secret in ("1234567", "123-45-6789", "john.smith", "7654321"):
        assert secret not in span.to_json()


def test_texts_stay_unless_they_are_asked_for() -> None:
    """Off: nothing of a document. On: the document without its identifiers."""
    report = (
        f"{SECRET}. Chest without focal lesion, follow up in six months as planned."
    )
    with recorded() as captured:
        for table in (report, [report], {"note": report}, pd.Series([report])):
            with track_inference("m") as call:
                call.record_inputs(table)
        assert 4 == len(captured.spans)
        assert not any("lesion" in span.to_json() for span in captured.spans)
    on = MonitoringConfig.of({"capture": {"text": True}})
    with recorded(on) as captured:
        for table in (report, [report], {"note": report}, pd.Series([report])):
            with track_inference("m") as call:
                call.record_inputs(table)
        for span, name in zip(
            captured.spans, ("text", "text", "note", "text"), strict=True
        ):
            attributes: Any = span.attributes or {}
            assert (name,) == attributes[semconv.TEXT_NAMES]
            (text,) = attributes[semconv.TEXT_VALUES]
            assert "without focal lesion" in text
            assert "1234567" not in span.to_json()
