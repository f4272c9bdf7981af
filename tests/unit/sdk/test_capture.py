from __future__ import annotations

import datetime
import math
from random import Random

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from algovigil import capture, hold
from algovigil.capture import Inputs, Outputs
from algovigil.config import Capture


def columns(table: object, names: tuple[str, ...] = (), most: int = 256) -> Inputs:
    found = capture.inputs(
        hold.take(table, None, Capture(max_features=most)),
        names,
        Capture(max_features=most),
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    "table",
    [
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        np.array([[1, 2], [3, 4]], dtype=np.int32),
        np.array([[1, 2], [3, 4]], dtype=np.float32),
        np.array([[1, 2], [3, 4]], dtype=np.longdouble),
        np.array([[1, 2], [3, 4]], dtype=object),
        sp.csr_matrix([[1.0, 2.0], [3.0, 4.0]]),
        [[1, 2], [3, 4]],
        [(1.0, 2.0), (3.0, 4.0)],
        [np.array([1.0, 2.0]), np.array([3.0, 4.0])],
    ],
    ids=lambda t: type(t).__name__,
)
def test_numbers_are_row_major_doubles(table: object) -> None:
    """The same rows are the same columns, whatever holds them."""
    found = columns(table)
    assert ("f0", "f1") == found.feature_names
    assert [1.0, 2.0, 3.0, 4.0] == list(found.feature_values)
    assert all(type(value) is float for value in found.feature_values)


def test_frames_keep_their_names_and_types() -> None:
    """Numbers and short texts are told apart by column; missing stays missing."""
    frame = pd.DataFrame(
        {
            "age": [64, 71],
            "sex": ["F", None],
            "smoker": [True, False],
            "crp": [1.5, np.nan],
            "ward": pd.Categorical(["A", "B"]),
            "dose": pd.array([1, None], dtype="Int64"),
        }
    )
    found = columns(frame)
    assert ("age", "smoker", "crp", "dose") == found.feature_names
    values = list(found.feature_values)
    assert [64.0, 1.0, 1.5, 1.0, 71.0, 0.0] == values[:6]
    assert math.isnan(values[6])
    assert math.isnan(values[7])
    assert ("sex", "ward") == found.category_names
    assert ["F", "A", "", "B"] == list(found.category_values)


def test_what_is_not_exact_is_absent() -> None:
    """Dates, long texts, mixed columns and objects are left out, not formatted."""
    frame = pd.DataFrame(
        {
            "born": [datetime.date(1950, 1, 1)],
            "note": ["x" * 65],
            "thing": [object()],
            "age": [64.0],
        }
    )
    found = columns(frame)
    assert ("age",) == found.feature_names
    assert () == found.category_names
    mixed = pd.DataFrame({"a": ["1", 2.0], "b": [1.0, 2.0]})
    assert ("b",) == columns(mixed).feature_names


@pytest.mark.parametrize(
    "table",
    [
        [[1.0, 2.0], [3.0]],
        np.array([["2020-01-01"]], dtype="datetime64[D]"),
        np.zeros((1, 2), dtype=complex),
        [{"a": 1}, 2],
    ],
    ids=["ragged", "dates", "complex", "mixed"],
)
def test_no_table_no_columns(table: object) -> None:
    """What has no columns of numbers or texts gives none."""
    assert capture.inputs(hold.take(table, None, Capture()), (), Capture()) is None


def test_mappings_are_rows() -> None:
    """A mapping is one row, a list of mappings rows, a mapping of lists columns."""
    assert [64.0, 2.1] == list(columns({"age": 64, "crp": 2.1}).feature_values)
    many = columns([{"age": 64, "sex": "F"}, {"age": None, "sex": "M"}])
    assert 64.0 == many.feature_values[0]
    assert math.isnan(many.feature_values[1])
    assert ["F", "M"] == list(many.category_values)
    assert 2 == capture.row_count({"age": [1, 2]})
    assert [1.0, 2.0] == list(columns({"age": [1, 2]}).feature_values)


def test_one_row_as_a_flat_sequence() -> None:
    """A flat sequence of numbers is one row."""
    assert 1 == capture.row_count([1.0, 2.0])
    assert 1 == capture.row_count(np.array([1.0, 2.0]))
    assert ("a", "b") == columns([1.0, 2.0], ("a", "b")).feature_names
    assert [1.0, 2.0] == list(columns(np.array([1.0, 2.0])).feature_values)


@pytest.mark.parametrize(
    "table", [np.zeros((0, 3)), pd.DataFrame({"a": []}), [], sp.csr_matrix((0, 3))]
)
def test_empty_tables_have_no_values(table: object) -> None:
    """No rows, no values, no error."""
    assert 0 == capture.row_count(table)
    found = capture.inputs(hold.take(table, None, Capture()), (), Capture())
    assert found is not None
    assert [] == list(found.feature_values)


def test_many_rows_are_sampled_uniformly() -> None:
    """A cap keeps a uniform sample, in order, the same rows of every column."""
    table = np.arange(300_000.0).reshape(100_000, 3)
    picked = capture.pick(100_000, 256, Random(0))
    assert picked is not None
    assert sorted(set(picked)) == picked
    assert 256 == len(picked)
    assert abs(np.mean(picked) - 50_000) < 6_000
    found = capture.inputs(
        hold.take(table, picked, Capture(max_features=2)), (), Capture(max_features=2)
    )
    assert found is not None
    assert [v for p in picked for v in (3.0 * p, 3.0 * p + 1)] == list(
        found.feature_values
    )


def test_names_of_the_model_are_used_where_they_fit() -> None:
    """An array has the names of the fit, unless their number is another."""
    assert ("a", "b") == columns(np.zeros((1, 2)), ("a", "b")).feature_names
    assert ("f0", "f1") == columns(np.zeros((1, 2)), ("a",)).feature_names


def test_probabilities_of_two_classes() -> None:
    """Score of the second class; the likelier class is the label, or the first."""
    found = capture.probabilities([[0.2, 0.8], [0.5, 0.5]], ("benign", "malignant"))
    assert found == Outputs(
        ["malignant", "benign"],
        [0.8, 0.5],
        classes=("benign", "malignant"),
        class_scores=[0.2, 0.8, 0.5, 0.5],
    )


def test_probabilities_of_more_classes() -> None:
    """Score is that of the predicted class; NaN predicts nothing."""
    found = capture.probabilities(
        [[0.1, 0.2, 0.7], [math.nan, 0.1, 0.2]], ("a", "b", "c")
    )
    assert found is not None
    assert ["c", ""] == list(found.labels)
    assert ("a", "b", "c") == found.classes
    assert [0.1, 0.2, 0.7, 0.1, 0.2] == [s for s in found.class_scores if s == s]
    assert 0.7 == found.scores[0]
    assert math.isnan(found.scores[1])


def test_decision_values() -> None:
    """Above zero is the second class; more than two classes have no label here."""
    assert Outputs(["b", "a"], [1.5, -0.1]) == capture.margins([1.5, -0.1], ("a", "b"))
    assert Outputs(scores=[1.5]) == capture.margins([1.5], ())
    assert capture.margins([[1.0, 2.0, 3.0]], ("a", "b", "c")) is None


def test_predictions() -> None:
    """Classes are labels, values are scores, several targets are neither."""
    assert Outputs(labels=["1", "0"]) == capture.predictions([1, 0], regression=None)
    assert Outputs(labels=["1"]) == capture.predictions([1.0], regression=False)
    assert Outputs(labels=["true"]) == capture.predictions([True], regression=None)
    assert Outputs(scores=[2.5]) == capture.predictions([2.5], regression=None)
    assert Outputs(values=[3.0]) == capture.predictions([[3]], regression=True)
    assert Outputs(scores=[3.0]) == capture.scored([3])
    assert Outputs(labels=["1", ""]) == capture.predictions([1, None], regression=False)
    assert capture.predictions([[1, 2]], regression=None) is None
    assert capture.predictions([object()], regression=False) is None
