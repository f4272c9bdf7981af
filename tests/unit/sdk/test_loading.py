"""How long models take to load, whoever loads them."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

import joblib
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from algovigil import semconv
from algovigil.instrumentation.loading import LoadingInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from algovigil.testing import Captured

MODEL = make_pipeline(StandardScaler(), LogisticRegression()).fit(
    [[0.0], [1.0]], [0, 1]
)
NAME = "Pipeline[LogisticRegression]"


@pytest.fixture(autouse=True)
def _instrumented() -> Iterator[None]:
    instrumentor = LoadingInstrumentor()
    instrumentor.instrument()
    yield
    instrumentor.uninstrument()


def loads(captured: Captured) -> dict[Any, int]:
    return {
        (
            point.attributes[semconv.MODEL_NAME],
            point.attributes[semconv.MODEL_FRAMEWORK],
        ): point.count
        for point in captured.points(semconv.METRIC_MODEL_LOAD_DURATION)
    }


def test_a_model_that_joblib_loads_is_timed_once(
    captured: Captured, tmp_path: Path
) -> None:
    """Under the name that its calls have."""
    joblib.dump(MODEL, tmp_path / "model.joblib")
    assert [1] == joblib.load(tmp_path / "model.joblib").predict([[0.9]]).tolist()
    assert {(NAME, "sklearn"): 1} == loads(captured)
    assert captured.signals.loads[NAME] > 0


def test_models_that_are_unpickled_are_timed(captured: Captured) -> None:
    """From bytes and from files; what is no model is not."""
    content = pickle.dumps(MODEL)
    pickle.loads(content)
    pickle.load(io.BytesIO(content))
    assert {"a": 1} == pickle.loads(pickle.dumps({"a": 1}))
    assert {(NAME, "sklearn"): 2} == loads(captured)


def test_errors_of_loading_are_the_callers(captured: Captured) -> None:
    """They go through, and nothing is counted."""
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(b"x")
    with pytest.raises(FileNotFoundError):
        joblib.load("/nonexistent/model")
    assert {} == loads(captured)


def test_it_can_be_taken_back() -> None:
    """After it there is what was there before."""
    LoadingInstrumentor().uninstrument()
    assert "__algovigil__" not in vars(joblib.load)
    assert type(pickle.loads).__name__ == "builtin_function_or_method"
