"""Drift on real clinical data: named where it is, and nowhere else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from integration.analyse.clinic import NOON, SECOND

if TYPE_CHECKING:
    from integration.analyse.clinic import Clinic

Columns = dict[str, np.ndarray]

SHIFTED = {"mean texture": 1.4, "worst area": 1.6}
"""A scanner out of calibration: what it multiplies."""


@pytest.fixture(scope="module")
def wdbc() -> Columns:
    data = load_breast_cancer()
    return dict(zip(data.feature_names.tolist(), data.data.T, strict=True))


def patients(wdbc: Columns, rng: np.random.Generator, rows: int) -> Columns:
    drawn = rng.integers(0, 569, rows)
    return {name: values[drawn] for name, values in wdbc.items()}


def shifted(columns: Columns) -> Columns:
    return {name: v * SHIFTED.get(name, 1.0) for name, v in columns.items()}


def before(rows: int) -> list[int]:
    """Times of *rows* predictions that end an hour before noon."""
    return [NOON - 3600 * SECOND - (rows - i) * SECOND // 10 for i in range(rows)]


def lately(rows: int) -> list[int]:
    return [NOON - (rows - i) * SECOND // 10 for i in range(rows)]


def tick(clinic: Clinic, now_ns: int = NOON, **drift: Any) -> None:
    clinic.analysis(drift_detection={"window": 1800, **drift}).tick(now_ns)


def named(clinic: Clinic, model: str) -> set[str]:
    findings = clinic.findings(model)
    return {
        feature for (feature, _), row in findings.items() if row["status"] == "drift"
    }


def test_drift_is_named_on_the_shifted_features_only(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """Two of thirty features shift: these two and the model are named, no others."""
    clinic.predict("wdbc", before(1000), patients(wdbc, rng, 1000))
    clinic.predict("wdbc", lately(400), shifted(patients(wdbc, rng, 400)))
    tick(clinic)
    assert {"", *SHIFTED} == named(clinic, "wdbc")
    found = clinic.findings("wdbc")
    # the model and its chart; a test of shape, of size, of missing values a feature
    assert 2 + 30 * 3 == len(found)
    assert found["", "model"]["statistic"] == pytest.approx(2 / 30)
    assert found["", "model"]["rows_reference"] == 1000
    assert found["", "model"]["rows_current"] == 400
    for method in ("ks_test", "psi"):
        row = found["mean texture", method]
        assert row["statistic"] > row["threshold"]
        assert row["p_value"] <= row["p_adjusted"] < 0.05


def test_no_shift_is_no_drift(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """Other patients of the same population give the verdict `ok`."""
    clinic.predict("wdbc", before(1000), patients(wdbc, rng, 1000))
    clinic.predict("wdbc", lately(400), patients(wdbc, rng, 400))
    tick(clinic)
    assert set() == named(clinic, "wdbc")
    assert ("ok", 0.0) == (
        clinic.findings("wdbc")["", "model"]["status"],
        clinic.findings("wdbc")["", "model"]["statistic"],
    )


def test_a_reference_is_made_once_and_never_changes(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """The first predictions make it; later ones, and later ticks, leave it alone."""
    clinic.predict("wdbc", before(1000), patients(wdbc, rng, 1000))
    tick(clinic)
    first = clinic.rows("SELECT * FROM reference_profiles ORDER BY feature")
    clinic.predict("wdbc", lately(400), shifted(patients(wdbc, rng, 400)))
    tick(clinic, NOON + SECOND)
    assert first == clinic.rows("SELECT * FROM reference_profiles ORDER BY feature")
    assert {True} == {row["provisional"] for row in first}
    (reference_id,) = {row["reference_id"] for row in first}
    assert 32 == len(bytes.fromhex(reference_id)) * 2
    radius = next(row for row in first if row["feature"] == "mean radius")
    assert (1000, 0, 11, 1000) == (
        radius["rows"],
        radius["missing"],
        len(radius["edges"]),
        len(radius["sample"]),
    )
    assert [0, *[100] * 10, 0, 0, 0] == pytest.approx(radius["counts"], abs=6)


def test_too_few_predictions_make_no_reference(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """999 predictions are not 1000; failed calls and the future do not fill up."""
    clinic.predict("wdbc", before(999), patients(wdbc, rng, 999))
    clinic.predict("wdbc", lately(5), error_type="ValueError")
    clinic.predict("wdbc", [NOON + SECOND] * 5)
    tick(clinic)
    assert [] == clinic.rows("SELECT * FROM reference_profiles")


def test_each_version_has_its_own_reference(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """What is normal for one version says nothing of another."""
    for version in ("1", "2"):
        clinic.predict(
            "wdbc",
            before(1000),
            patients(wdbc, rng, 1000),
            model_version=version,
        )
    tick(clinic)
    found = clinic.rows("SELECT uniqExact(reference_id) AS ids FROM reference_profiles")
    assert [{"ids": 2}] == found


def test_few_current_rows_are_insufficient_data(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """Under the minimum no test speaks, and none is read as `no drift`."""
    clinic.predict("wdbc", before(1000), patients(wdbc, rng, 1000))
    clinic.predict("wdbc", lately(199), shifted(patients(wdbc, rng, 199)))
    tick(clinic)
    found = clinic.findings("wdbc")
    assert {"insufficient_data"} == {row["status"] for row in found.values()}
    assert 0.0 == found.pop(("", "e_process"))["statistic"]
    assert {None} == {row["statistic"] for row in found.values()}


def test_a_silent_version_says_so(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """Without current rows there is one finding, on the model: insufficient_data."""
    clinic.predict("wdbc", before(1000), patients(wdbc, rng, 1000))
    tick(clinic)
    found = clinic.findings("wdbc")
    assert {("", "model"): "insufficient_data"} == {
        key: row["status"] for key, row in found.items()
    }


def test_values_that_go_missing_are_drift(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """A feature that is 90 % missing is named, though what is left looks the same."""
    clinic.predict("wdbc", before(1000), patients(wdbc, rng, 1000))
    current = patients(wdbc, rng, 1000)
    texture = current["mean texture"]
    texture[rng.random(1000) < 0.9] = np.nan
    clinic.predict("wdbc", lately(1000), current)
    tick(clinic)
    assert {"", "mean texture"} == named(clinic, "wdbc")


def test_wild_features_get_a_status_and_never_nan(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """All missing, constant, infinite, gone, new: a status each, no NaN, no error."""
    first = {"fine": rng.normal(size=1000), "gone": rng.normal(size=1000)}
    then = {"fine": rng.normal(size=500), "new": rng.normal(size=500)}
    for columns, rows in ((first, 1000), (then, 500)):
        columns["void"] = np.full(rows, np.nan)
        columns["fixed"] = np.full(rows, 3.0)
        columns["endless"] = np.full(rows, np.inf)
        columns["two"] = rng.integers(0, 2, rows).astype(float)
    then["endless"] = np.full(500, -np.inf)
    clinic.predict("wild", before(1000), first)
    clinic.predict("wild", lately(500), then)
    tick(clinic)
    found = clinic.findings("wild")
    assert {"", "gone", "endless"} == named(clinic, "wild")
    assert "insufficient_data" == found["void", "ks_test"]["status"]
    assert "ok" == found["void", "psi"]["status"]
    assert "ok" == found["fixed", "ks_test"]["status"]
    assert "ok" == found["two", "psi"]["status"]
    assert not any(
        isinstance(value, float) and not math.isfinite(value)
        for row in found.values()
        for value in row.values()
    )
    assert 0 == clinic.telemetry.total("analyse.ticks", result="error")


def test_categories_scores_and_unseen_levels(
    clinic: Clinic, rng: np.random.Generator
) -> None:
    """Categories get chi-square; one unseen level is no alarm, a change of mix is."""

    def categories(rows: int, share: float) -> list[list[tuple[str, str]]]:
        scanner = np.where(rng.random(rows) < share, "GE", "Siemens").tolist()
        ward = rng.choice(["A", "B", "C"], rows).tolist()
        ward[0] = "unseen" if rows == 600 else ward[0]
        pairs = zip(scanner, ward, strict=True)
        return [[("scanner", s), ("ward", w)] for s, w in pairs]

    clinic.predict(
        "mix",
        before(1000),
        categories=categories(1000, 0.5),
        score=rng.beta(2, 5, 1000).tolist(),
    )
    clinic.predict(
        "mix",
        lately(600),
        categories=categories(600, 0.9),
        score=rng.beta(5, 2, 600).tolist(),
    )
    tick(clinic)
    found = clinic.findings("mix")
    assert {"", "scanner", "prediction.score"} == named(clinic, "mix")
    tests = {"chi_square", "psi", "missing_rate", "unseen_category"}
    assert tests == {m for f, m in found if f == "ward"}
    assert found["ward", "chi_square"]["p_value"] > 0.05


def test_a_large_window_is_sampled(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """A test reads at most `sample_rows` rows, drawn over the whole window."""
    clinic.predict("wdbc", before(1000), patients(wdbc, rng, 1000))
    clinic.predict("wdbc", lately(2000), shifted(patients(wdbc, rng, 2000)))
    tick(clinic, sample_rows=500)
    found = clinic.findings("wdbc")
    assert 500 == found["mean radius", "ks_test"]["rows_current"]
    assert {"", *SHIFTED} == named(clinic, "wdbc")


def test_a_tick_that_is_not_due_does_nothing(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator
) -> None:
    """Drift keeps its own interval, however often it is ticked."""
    clinic.predict("wdbc", before(1000), patients(wdbc, rng, 1000))
    analysis = clinic.analysis(drift_detection={"interval": 60})
    for second in (0, 15, 30, 61):
        analysis.tick(NOON + second * SECOND)
    ticks = clinic.rows("SELECT uniqExact(timestamp) AS n FROM drift_findings")
    assert [{"n": 2}] == ticks


def test_one_broken_version_leaves_the_others(
    clinic: Clinic, wdbc: Columns, rng: np.random.Generator, caplog: Any
) -> None:
    """A reference that cannot be read is counted; other versions are still judged."""
    for model in ("broken", "wdbc"):
        clinic.predict(model, before(1000), patients(wdbc, rng, 1000))
    tick(clinic)
    clinic.store.query(
        "ALTER TABLE reference_profiles UPDATE counts = [1] "
        "WHERE model_name = 'broken' SETTINGS mutations_sync = 1"
    )
    clinic.predict("wdbc", lately(400), shifted(patients(wdbc, rng, 400)))
    clinic.predict("broken", lately(400), shifted(patients(wdbc, rng, 400)))
    tick(clinic, NOON + SECOND)
    assert {"", *SHIFTED} == named(clinic, "wdbc")
    assert 1 == clinic.telemetry.total("analyse.ticks", kind="recount", result="error")
    assert "Broken" in caplog.text
    assert "mean" not in caplog.text
