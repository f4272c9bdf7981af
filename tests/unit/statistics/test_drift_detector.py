"""`DriftDetector` as a user calls it: arrays, frames, categories, wild data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_breast_cancer

from algovigil.drift import DriftDetector, StatisticalMethod
from algovigil.errors import ConfigError


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(99)


def test_as_the_documentation_shows(rng: np.random.Generator) -> None:
    """Methods, alpha and reference given once; the verdict and metrics asked after."""
    detector = DriftDetector(
        methods=[StatisticalMethod.KS_TEST, StatisticalMethod.PSI],
        alpha=0.05,
        reference_data=rng.normal(size=1000),
    )
    assert not detector.is_drift_detected()
    assert {} == detector.get_drift_metrics()
    result = detector.detect_drift(rng.normal(1, 1, size=500))
    assert result.drift_detected
    assert detector.is_drift_detected()
    assert 2 == len(result.test_results)
    metrics = detector.get_drift_metrics()
    assert 1.0 == metrics["drift_score"]
    assert metrics["psi"] > 0.2
    assert metrics["ks_p_value"] < 1e-6
    assert {float} == {type(value) for value in metrics.values()}


@pytest.mark.parametrize("kind", ["array", "frame", "mapping"])
def test_drift_is_named_on_the_shifted_features(
    kind: str, rng: np.random.Generator
) -> None:
    """Real tumours, two features rescaled: these two are named and no other."""
    frame: Any = load_breast_cancer(as_frame=True).data
    reference = frame.sample(1000, replace=True, random_state=1)
    current = frame.sample(400, replace=True, random_state=2)
    shifted = ["mean texture", "worst area"]
    current[shifted] *= 1.5
    forms = {
        "array": lambda data: data.to_numpy(),
        "frame": lambda data: data,
        "mapping": lambda data: {name: data[name].tolist() for name in data},
    }
    names = list(frame.columns)
    expected = [f"feature_{names.index(n)}" for n in shifted]
    result = DriftDetector(reference_data=forms[kind](reference)).detect_drift(
        forms[kind](current)
    )
    named = expected if kind == "array" else shifted
    assert tuple(named) == result.drifted_features


def test_a_reference_may_come_with_the_call(rng: np.random.Generator) -> None:
    """`reference_data` of the call goes before that of the detector."""
    detector = DriftDetector(reference_data=rng.normal(9, 1, size=300))
    current = rng.normal(size=300)
    assert not detector.detect_drift(current, rng.normal(size=300)).drift_detected
    assert detector.detect_drift(current).drift_detected


def test_without_a_reference_it_says_what_to_do() -> None:
    """No reference at all is refused with a hint."""
    with pytest.raises(ConfigError, match="hint: pass the data"):
        DriftDetector().detect_drift([1.0, 2.0])


@pytest.mark.parametrize(
    "arguments", [{"alpha": 0}, {"alpha": 1.5}, {"methods": ["ks"]}]
)
def test_settings_that_cannot_be_are_refused(arguments: Any) -> None:
    """Found, expected, hint."""
    with pytest.raises(ConfigError, match=r"found: .*; expected: "):
        DriftDetector(**arguments)


def test_false_alarms_over_many_features_stay_in_the_budget() -> None:
    """30 features without a shift: any of them is named in at most 5 % of the calls."""
    rng = np.random.default_rng(17)
    detector = DriftDetector(psi_warning=0.0, ks_floor=0.0)
    alarms = sum(
        detector.detect_drift(
            rng.normal(size=(200, 30)), rng.normal(size=(200, 30))
        ).drift_detected
        for _ in range(60)
    )
    assert alarms <= stats.binom.ppf(0.999, 60, 0.05)


def test_significant_but_small_is_not_drift(rng: np.random.Generator) -> None:
    """With 50 000 rows a shift of .05 SD is certain, and does not matter."""
    result = DriftDetector().detect_drift(
        rng.normal(0.05, 1, size=50_000), rng.normal(size=50_000)
    )
    assert (result.test_results[0].p_value or 1) < 1e-6
    assert not result.drift_detected


def test_categories(rng: np.random.Generator) -> None:
    """Strings are compared by chi-square and PSI; a new mix is drift."""
    reference = pd.DataFrame({"ward": rng.choice(["A", "B"], 800)})
    current = pd.DataFrame({"ward": rng.choice(["A", "B"], 400, p=[0.9, 0.1])})
    result = DriftDetector(reference_data=reference).detect_drift(current)
    assert [
        StatisticalMethod.CHI_SQUARE,
        StatisticalMethod.PSI,
        StatisticalMethod.MISSING_RATE,
        StatisticalMethod.UNSEEN_CATEGORY,
    ] == [test.method for test in result.test_results]
    assert ("ward",) == result.drifted_features
    assert (
        not DriftDetector(reference_data=reference)
        .detect_drift(reference.sample(400, random_state=1))
        .drift_detected
    )


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, ""])
def test_missing_categories_are_drift(missing: Any, rng: np.random.Generator) -> None:
    """Whatever stands for missing: half of it gone is named."""
    values = rng.choice(["A", "B"], 400).astype(object)
    current = values.copy()
    current[:200] = missing
    result = DriftDetector().detect_drift({"ward": current}, {"ward": values})
    assert ("ward",) == result.drifted_features


def test_a_category_that_goes_numeric_is_drift(rng: np.random.Generator) -> None:
    """A changed schema is a status, not an exception, in both directions."""
    words = {"x": rng.choice(["A", "B"], 300)}
    numbers = {"x": rng.normal(size=300)}
    assert DriftDetector().detect_drift(numbers, words).drift_detected
    assert DriftDetector().detect_drift(words, numbers).drift_detected


def test_features_that_come_and_go(rng: np.random.Generator) -> None:
    """A feature that is gone is drift; a new one is insufficient_data."""
    result = DriftDetector().detect_drift(
        {"new": rng.normal(size=300)}, {"old": rng.normal(size=300)}
    )
    statuses = {(t.feature, t.status) for t in result.test_results}
    assert ("old", "drift") in statuses
    assert {"insufficient_data"} == {s for f, s in statuses if f == "new"}


WILD: dict[str, Any] = {
    "all missing": [np.nan] * 300,
    "all None": [None] * 300,
    "constant": [1.0] * 300,
    "infinite": [np.inf, -np.inf] * 150,
    "huge": [1e308, -1e308] * 150,
    "flags": [True, False] * 150,
    "empty text": [""] * 300,
    "mixed": [1, "a", None] * 100,
    "dates": pd.Series(pd.date_range("2024-01-01", periods=300)),
    "nullable": pd.Series([1, 2, None] * 100, dtype="Int64"),
    "category": pd.Series(["a", "b", None] * 100, dtype="category"),
    "one row": [3.0],
    "no rows": [],
}


@pytest.mark.parametrize("before", WILD)
@pytest.mark.parametrize("after", WILD)
def test_wild_data_ends_in_a_status(before: str, after: str) -> None:
    """Every pair of wild columns: no exception, no NaN, a known status."""
    detector = DriftDetector(methods=tuple(StatisticalMethod))
    result = detector.detect_drift({"x": WILD[after]}, {"x": WILD[before]})
    statuses = {test.status for test in result.test_results}
    assert statuses <= {"ok", "drift", "insufficient_data"}
    assert all(map(math.isfinite, detector.get_drift_metrics().values()))
    if before == after and len(WILD[before]) == 300:
        assert not result.drift_detected


def test_columns_of_different_lengths_are_refused() -> None:
    """Rows that do not line up are a mistake of the caller, said without values."""
    with pytest.raises(ValueError, match="one value a row"):
        DriftDetector().detect_drift({"a": [1], "b": [1, 2]}, {"a": [1], "b": [1]})


def test_nothing_given_is_modified(rng: np.random.Generator) -> None:
    """Neither the reference nor the current data changes."""
    reference, current = rng.normal(size=100), rng.normal(size=100)
    copies = reference.copy(), current.copy()
    DriftDetector(reference_data=reference).detect_drift(current)
    assert (copies[0] == reference).all()
    assert (copies[1] == current).all()
