"""Bad input of drift: a stated status each, never an exception, NaN or silence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from algovigil.config.drift import METHODS
from integration.analyse.clinic import NOON, SECOND

if TYPE_CHECKING:
    from integration.analyse.clinic import Clinic


def ago(first: int, rows: int) -> list[int]:
    return [NOON - first * SECOND + i * SECOND // 100 for i in range(rows)]


def tick(clinic: Clinic) -> dict[tuple[str, str], dict[str, Any]]:
    drift = {"window": 1800, "methods": list(METHODS), "min_samples": 50}
    clinic.analysis(drift_detection=drift).tick(NOON)
    assert 0 == clinic.telemetry.total("analyse.ticks", kind="drift", result="error")
    found = clinic.findings("m")
    assert not any(
        isinstance(value, float) and not math.isfinite(value)
        for row in found.values()
        for value in row.values()
    )
    return found


def test_every_method_gives_a_status_on_wild_columns(
    clinic: Clinic, rng: np.random.Generator
) -> None:
    """All missing, constant, infinite, huge, one class, unseen, gone and new."""
    before = {
        "void": np.full(1000, np.nan),
        "fixed": np.full(1000, 3.0),
        "huge": rng.choice([1e308, -1e308], 1000),
        "gone": rng.normal(size=1000),
    }
    after = {
        "void": np.full(400, np.nan),
        "fixed": np.full(400, 3.0),
        "huge": rng.choice([1e308, -1e308, np.inf], 400),
        "new": rng.normal(size=400),
    }
    clinic.predict(
        "m", ago(7200, 1000), before, label="1", categories=[[("ward", "A")]] * 1000
    )
    clinic.predict(
        "m", ago(600, 400), after, label="1", categories=[[("ward", "B")]] * 400
    )
    found = tick(clinic)
    statuses = {key: row["status"] for key, row in found.items()}
    assert "insufficient_data" == statuses["void", "ks_test"]
    assert "ok" == statuses["fixed", "psi"]
    assert "drift" == statuses["gone", "missing_rate"]
    assert "drift" == statuses["huge", "range"]
    assert "drift" == statuses["ward", "unseen_category"]
    assert "insufficient_data" == statuses["new", "psi"]
    assert "ok" == statuses["alert_volume", "cusum"]


def test_a_number_that_becomes_a_word_is_missing(
    clinic: Clinic, rng: np.random.Generator
) -> None:
    """A changed schema: the number is gone in every row, the word is new."""
    clinic.predict("m", ago(7200, 1000), {"ward": rng.normal(size=1000)})
    clinic.predict("m", ago(600, 400), categories=[[("ward", "A")]] * 400)
    found = tick(clinic)
    assert "drift" == found["ward", "missing_rate"]["status"]


def test_a_clock_that_runs_ahead_is_said(
    clinic: Clinic, rng: np.random.Generator
) -> None:
    """Predictions of tomorrow are in no window, and that is a warning."""
    clinic.predict("m", ago(7200, 1000), {"x": rng.normal(size=1000)})
    clinic.predict("m", ago(-7200, 60), {"x": rng.normal(9, 1, 60)})
    found = tick(clinic)
    assert ("warning", 60.0) == (
        found["", "clock_skew"]["status"],
        found["", "clock_skew"]["statistic"],
    )
    assert "insufficient_data" == found["", "model"]["status"]


@pytest.mark.parametrize("rows", [1, 49])
def test_few_rows_say_so(clinic: Clinic, rng: np.random.Generator, rows: int) -> None:
    """One row, or one too few, is insufficient_data everywhere."""
    clinic.predict("m", ago(7200, 1000), {"x": rng.normal(size=1000)})
    clinic.predict("m", ago(600, rows), {"x": rng.normal(9, 1, rows)})
    found = tick(clinic)
    del found["", "e_process"]
    assert {"insufficient_data"} == {row["status"] for row in found.values()}


def test_a_small_shift_is_a_warning_until_the_chart_agrees(
    clinic: Clinic, rng: np.random.Generator
) -> None:
    """One look at p = .001 is within the budget of noise; ten of them are not."""
    clinic.predict("m", ago(90_000, 1000), {"x": rng.normal(size=1000)})
    drift = {
        "window": 1800,
        "interval": 1800,
        "min_samples": 50,
        "methods": ["ks_test"],
    }
    analysis = clinic.analysis(drift_detection=drift)
    statuses = []
    for look in range(12):
        now_ns = NOON + look * 1800 * SECOND
        times = [now_ns - 1000 * SECOND + i * SECOND for i in range(120)]
        clinic.predict("m", times, {"x": rng.normal(0.45, 1, 120)})
        # late for line 1: counted by the job of a process that starts
        analysis = clinic.analysis(drift_detection=drift)
        analysis.tick(now_ns)
        statuses.append(clinic.findings("m")["", "model"]["status"])
    assert "drift" not in statuses[:1]
    assert "warning" in statuses
    assert "drift" == statuses[-1]
