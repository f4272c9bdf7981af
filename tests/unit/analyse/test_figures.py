"""Figures of a cohort: subgroups that err, acted-on predictions, numbers, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from algovigil.config import MonitoringConfig
from algovigil_processor.analyse.clinical.clinical import figures_of
from algovigil_processor.analyse.clinical.cohort import Cohort, Size, Window, oriented
from algovigil_processor.analyse.findings import Version

Rows = dict[tuple[str, str, str], dict[str, Any]]


def cohort(predicted: Any, actual: Any, score: Any = None, **groups: Any) -> Cohort:
    """A cohort of rows that stand for themselves; every prediction has a label."""
    words = np.array(predicted, dtype=object)
    n = words.size
    truth = np.array(actual, dtype=object)
    numbers = [float(a) if _is_number(a) else np.nan for a in truth]
    scores = np.full(n, np.nan) if score is None else np.asarray(score, float)
    return Cohort(
        size=Size(
            inferences=float(n),
            rows=n,
            named=float(n),
            called=float((words == "+").sum()),
        ),
        made_ns=np.arange(n),
        predicted=words,
        actual=truth,
        score=scores,
        number=np.where(words == "", scores, np.nan),
        truth=np.array(numbers),
        weight=np.ones(n),
        groups={k: np.array(v, dtype=object) for k, v in groups.items()},
        contradictory=np.zeros(n, dtype=bool),
        is_sampled=False,
        is_told=False,
    )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def figures(drawn: Cohort) -> Rows:
    found = figures_of(
        drawn, Version("m", "1"), Window(0, 9, 9), MonitoringConfig().clinical
    )
    return {(r["metric"], r["subgroup_key"], r["subgroup_value"]): r for r in found}


def words(flags: Any) -> list[str]:
    return ["+" if flag else "-" for flag in flags]


def test_a_site_that_errs_is_named_and_no_other() -> None:
    """One of five sites misses half of its patients: a warning on it alone."""
    rng = np.random.default_rng(1)
    sick = rng.random(3000) < 0.4
    site = rng.integers(0, 5, 3000)
    called = sick & (rng.random(3000) < np.where(site == 3, 0.5, 0.9))
    names = [f"site {s}" for s in site]
    found = figures(cohort(words(called), words(sick), site=names))
    warned = {k[2] for k, r in found.items() if r["status"] == "warning"}
    gap = found["sensitivity_gap", "site", "site 3"]
    assert "site 3" in warned
    assert gap["upper"] < -0.2
    named = {
        k[2]
        for k, r in found.items()
        if k[0] == "sensitivity_gap" and r["status"] == "warning"
    }
    assert {"site 3"} == named


def test_acting_on_a_good_model_does_not_look_like_decay() -> None:
    """Treated patients are spared the event: the strata and a caveat tell."""
    rng = np.random.default_rng(2)
    risk = rng.beta(1, 2, 4000)
    would = rng.random(4000) < risk
    called = risk > 0.4
    acted = called & (rng.random(4000) < 0.7)
    happened = would & ~(acted & (rng.random(4000) < 0.8))
    drawn = cohort(
        words(called), words(happened), risk, acted_on=np.where(acted, "true", "false")
    )
    found = figures(drawn)
    naive = found["ppv", "", ""]
    untreated = found["ppv", "acted_on", "false"]
    honest = would[called].mean()
    assert "acted_on" == naive["caveat"]
    assert naive["value"] < honest - 0.15
    assert untreated["lower"] < honest < untreated["upper"]


def test_every_figure_has_its_interval_and_its_counts() -> None:
    """Value within interval, denominators its own, completeness 1, a method named."""
    rng = np.random.default_rng(3)
    risk = rng.beta(2, 2, 800)
    sick = rng.random(800) < risk
    found = figures(cohort(words(risk > 0.5), words(sick), risk))
    wanted = "diagnostic_accuracy sensitivity specificity ppv npv auroc auprc f1 brier"
    wanted += " calibration_in_the_large calibration_intercept calibration_slope kappa"
    for metric in wanted.split():
        row = found[metric, "", ""]
        assert row["lower"] <= row["value"] <= row["upper"], metric
        assert (1.0, "ok", "1") == (
            row["completeness"],
            row["status"],
            row["method_version"],
        )
        assert row["method"]
    again = figures_of(
        cohort(words(risk > 0.5), words(sick), risk),
        Version("m", "1"),
        Window(0, 9, 9),
        MonitoringConfig().clinical,
        float(sick.mean()),
    )
    by_metric = {row["metric"]: row for row in again}
    restated = by_metric["ppv_at_reference_prevalence"]
    assert by_metric["ppv"]["value"] == pytest.approx(restated["value"])
    assert "prevalence" == restated["reference"]
    ece = found["calibration_error", "", ""]
    assert ("null_95", "ok") == (ece["reference"], ece["status"])
    assert ece["value"] < 2 * ece["reference_value"]


def test_more_than_two_classes() -> None:
    """Per class sensitivity and PPV, macro figures and kappa; no invented negatives."""
    rng = np.random.default_rng(4)
    names = np.array(["effusion", "nodule", "pneumonia"])
    truth = names[rng.integers(0, 3, 600)]
    said = np.where(rng.random(600) < 0.8, truth, "nodule")
    found = figures(cohort(said, truth))
    assert 0.7 < found["macro_sensitivity", "", ""]["value"] < 1
    assert found["sensitivity", "class", "nodule"]["value"] == 1
    assert found["sensitivity", "class", "effusion"]["value"] < 0.9
    assert "insufficient_data" == found["sensitivity", "", ""]["status"]


def test_numbers_have_errors_of_numbers() -> None:
    """A model that predicts a length of stay has a bias, MAE, RMSE and R squared."""
    rng = np.random.default_rng(5)
    stay = np.round(rng.gamma(3, 2, 300), 2)
    guess = stay + rng.normal(0.5, 1, 300)
    found = figures(cohort([""] * 300, [str(s) for s in stay], guess))
    assert found["bias", "", ""]["lower"] < 0.5 < found["bias", "", ""]["upper"]
    assert 0.8 < found["rmse", "", ""]["value"] < 1.4
    assert "insufficient_data" == found["auroc", "", ""]["status"]


def test_a_score_of_the_other_class_is_turned() -> None:
    """scikit-learn's classes are sorted: the score may be that of `benign`."""
    said = np.array(["+"] * 5 + ["-"] * 5, dtype=object)
    score = np.array([0.1] * 5 + [0.9] * 5)
    assert [0.9] * 5 + [0.1] * 5 == pytest.approx(oriented(score, said).tolist())
    assert score.tolist() == oriented(score, said[::-1]).tolist()


@pytest.mark.parametrize(
    ("predicted", "actual", "score"),
    [
        ([], [], []),
        (["+"], ["-"], [0.4]),
        (["+"] * 40, ["+"] * 40, [0.9] * 40),
        (["+", "-"] * 20, ["-", "+"] * 20, [np.inf, -np.inf] * 20),
        (["+", "-"] * 20, ["+", "-"] * 20, [np.nan] * 40),
        ([""] * 40, ["+", "-"] * 20, [np.nan] * 40),
        (["lupus"] * 40, ["gout"] * 40, [7.5] * 40),
        (["+"] * 40, [f"word {i}" for i in range(40)], [0.5] * 40),
    ],
    ids=[
        "none",
        "one row",
        "one class",
        "infinite",
        "missing",
        "no label",
        "strange words",
        "every label another",
    ],
)
def test_bad_input_is_a_status(predicted: Any, actual: Any, score: Any) -> None:
    """Never an exception, a NaN or silence: each figure has a status."""
    drawn = cohort(predicted, actual, score, site=["a"] * len(predicted))
    found = figures(drawn)
    for metric in ("diagnostic_accuracy", "sensitivity", "specificity", "auroc"):
        assert found[metric, "", ""]["status"] in ("ok", "insufficient_data")
    for row in found.values():
        numbers = [row[k] for k in ("value", "lower", "upper", "numerator", "n")]
        assert all(x is None or np.isfinite(x) for x in numbers)
        assert (row["value"] is None) == (row["status"] == "insufficient_data")
