"""Performance without labels on real patients: right, refused, and reconciled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from integration.analyse.clinic import NOON, SECOND

if TYPE_CHECKING:
    from integration.analyse.clinic import Clinic

DATA = load_breast_cancer()
NAMES = ["mean texture", "mean smoothness", "mean symmetry", "mean compactness"]
COLUMNS = [list(DATA.feature_names).index(name) for name in NAMES]
X, SICK = DATA.data[:, COLUMNS], DATA.target == 0
MODEL = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[::2], SICK[::2])
HELD = np.arange(1, len(X), 2)
CLINICAL = {"window": 600, "interval": 1, "reference_labels": 600, "maturity": 0}


def predict(
    clinic: Clinic, rows: Any, end_ns: int, *, factor: float = 1.0, label: str = "a"
) -> list[str]:
    """Let the model judge patients within ten minutes; return inference ids."""
    values = X[rows] * np.array([factor, 1, 1, 1])
    score = MODEL.predict_proba(values)[:, 1]
    n = len(rows)
    times = [end_ns - 590 * SECOND + i * 580 * SECOND // n for i in range(n)]
    ids = [f"{label}-{i}" for i in range(n)]
    clinic.predict(
        "wdbc",
        times,
        dict(zip(NAMES, values.T, strict=True)),
        inference_id=ids,
        trace_id=ids,
        label=["1" if s > 0.5 else "0" for s in score],
        score=score.tolist(),
    )
    return ids


def report(clinic: Clinic, ids: list[str], sick: Any, end_ns: int, **more: Any) -> None:
    words = ["malignant" if s else "benign" for s in sick]
    clinic.outcome(
        words, inference_id=ids, timestamp=end_ns - 5 * SECOND, received=end_ns, **more
    )


def estimates(clinic: Clinic, now_ns: int) -> dict[str, dict[str, Any]]:
    rows = clinic.rows(
        "SELECT * FROM performance_estimates WHERE realised IS NULL "
        f"AND toUnixTimestamp64Nano(timestamp) = {now_ns}"
    )
    return {row["metric"]: row for row in rows}


@pytest.fixture
def calibrated(clinic: Clinic, rng: np.random.Generator) -> tuple[Clinic, Any]:
    """A clinic whose model has 600 labelled predictions, and its analysis."""
    start = NOON - 3600 * SECOND
    rows = rng.choice(HELD, 600)
    ids = predict(clinic, rows, start, label="reference")
    report(clinic, ids, SICK[rows], start)
    analysis = clinic.analysis(clinical=CLINICAL)
    analysis.tick(start)
    assert [600] == [
        len(row["scores"])
        for row in clinic.rows("SELECT scores FROM calibration_references")
    ]
    return clinic, analysis


def test_an_older_case_mix_is_estimated_right_and_reconciled(
    calibrated: tuple[Clinic, Any], rng: np.random.Generator
) -> None:
    """Only the mix changes: the estimate stands, and holds what labels say later."""
    clinic, analysis = calibrated
    weight = np.exp(0.15 * (X[HELD, 0] - X[HELD, 0].mean()).clip(-6, 6))
    rows = rng.choice(HELD, 500, p=weight / weight.sum())
    ids = predict(clinic, rows, NOON)
    analysis.tick(NOON)
    found = estimates(clinic, NOON)
    assert {"ok"} == {row["status"] for row in found.values()}
    area = found["auroc"]
    assert (500, "cbpe") == (area["n"], area["method"])
    report(clinic, ids, SICK[rows], NOON + SECOND)
    analysis.tick(NOON + 2 * SECOND)
    real = {
        row["metric"]: row
        for row in clinic.rows(
            "SELECT * FROM performance_estimates WHERE realised IS NOT NULL"
        )
    }
    assert {"auroc", "diagnostic_accuracy", "sensitivity"} < real.keys()
    for metric in ("auroc", "diagnostic_accuracy"):
        row = real[metric]
        assert row["lower"] <= row["realised"] <= row["upper"]
        assert (1.0, found[metric]["value"]) == (row["completeness"], row["value"])
    before = clinic.rows("SELECT count() AS n FROM performance_estimates")[0]["n"]
    analysis.tick(NOON + 4 * SECOND)
    rows_now = clinic.rows(
        "SELECT count() AS n FROM performance_estimates "
        f"WHERE realised IS NOT NULL AND window_end <= toDateTime64({NOON / 1e9}, 9)"
    )
    assert len(real) == rows_now[0]["n"]
    assert (
        before < clinic.rows("SELECT count() AS n FROM performance_estimates")[0]["n"]
    )


def test_a_scanner_fault_is_refused_for_lack_of_support(
    calibrated: tuple[Clinic, Any], rng: np.random.Generator
) -> None:
    """Texture 1.7 times too large lies where the reference has no cases."""
    clinic, analysis = calibrated
    predict(clinic, rng.choice(HELD, 400), NOON, factor=1.7)
    analysis.tick(NOON)
    found = estimates(clinic, NOON)
    assert {("refused", "support", None)} == {
        (row["status"], row["reason"], row["value"]) for row in found.values()
    }
    assert found["auroc"]["outside_lower"] > 0.2


def test_risks_that_stop_coming_true_are_refused_as_concept(
    calibrated: tuple[Clinic, Any], rng: np.random.Generator
) -> None:
    """The same patients with other diseases: labels say that the concept moved."""
    clinic, analysis = calibrated
    rows = rng.choice(HELD, 400)
    ids = predict(clinic, rows, NOON)
    moved = np.where(rng.random(400) < 0.35, ~SICK[rows], SICK[rows])
    report(clinic, ids, moved, NOON)
    analysis.tick(NOON)
    found = estimates(clinic, NOON)
    assert {("refused", "concept")} == {
        (row["status"], row["reason"]) for row in found.values()
    }


def test_averted_events_are_not_taken_for_a_moved_concept(
    calibrated: tuple[Clinic, Any], rng: np.random.Generator
) -> None:
    """Patients who were treated on the model's advice do not judge the model."""
    clinic, analysis = calibrated
    rows = rng.choice(HELD, 500)
    ids = predict(clinic, rows, NOON)
    risk = MODEL.predict_proba(X[rows])[:, 1]
    acted = (risk > 0.5) & (rng.random(500) < 0.7)
    happened = SICK[rows] & ~acted
    for flag in (True, False):
        kept = np.flatnonzero(acted == flag)
        some = [ids[i] for i in kept]
        report(clinic, some, happened[kept], NOON, acted_on=flag)
    analysis.tick(NOON)
    assert {"ok"} == {row["status"] for row in estimates(clinic, NOON).values()}


def test_few_or_unusable_predictions_are_a_status(
    calibrated: tuple[Clinic, Any],
) -> None:
    """Five predictions, infinite and missing scores: insufficient, never silence."""
    clinic, analysis = calibrated
    times = [NOON - i * SECOND for i in range(30)]
    scores = [float("inf"), None, float("nan")] * 10
    clinic.predict("wdbc", times, label="1", score=scores, inference_id=str(1))
    analysis.tick(NOON)
    found = estimates(clinic, NOON)
    assert {"insufficient_data"} == {row["status"] for row in found.values()}
