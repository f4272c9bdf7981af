"""Performance without labels: NannyML's figures, honest bands, visible refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from algovigil.statistics.auroc import auroc
from algovigil.statistics.cbpe import (
    METRICS,
    Calibration,
    calibrate,
    estimate,
    expected_auroc,
)
from algovigil.statistics.support import support

DATA = np.load(Path(__file__).parents[2] / "golden/statistics/car_loan.npz")
ESTIMATED = [0.970744, 0.971011, 0.971407, 0.971091, 0.971123]
ESTIMATED += [0.961090, 0.961825, 0.961073, 0.962533, 0.961316]
REALISED = [0.970962, 0.970248, 0.976282, 0.967721, 0.969886]
REALISED += [0.960050, 0.958530, 0.959041, 0.963094, 0.957556]


def test_nannyml_s_published_chunks_are_reproduced() -> None:
    """Ten chunks of 5000: estimated and realised AUROC to 6 digits, F1 at the ends."""
    rng = np.random.default_rng(42)
    known = calibrate(DATA["reference_score"] / 100, DATA["reference_truth"], rng)
    assert known is not None
    assert known.curve is not None
    found, real, f1, inside = [], [], [], 0
    for chunk in range(10):
        rows = slice(chunk * 5000, (chunk + 1) * 5000)
        scores = DATA["score"][rows] / 100
        band = estimate(known, scores, DATA["called"][rows], rng)
        truth = auroc(scores, DATA["truth"][rows]).value or 0
        found.append(round(band["auroc"].value or 0, 6))
        f1.append(round(band["f1"].value or 0, 6))
        real.append(round(truth, 6))
        inside += (band["auroc"].lower or 0) <= truth <= (band["auroc"].upper or 0)
    assert ESTIMATED == found
    assert REALISED == real
    assert [0.943030, 0.914751] == [f1[0], f1[-1]]
    assert inside >= 9


def test_the_expected_area_is_what_labels_would_give() -> None:
    """Labels drawn from the risks have this area on average."""
    rng = np.random.default_rng(1)
    risks = rng.beta(2, 3, 400)
    areas = [auroc(risks, rng.random(400) < risks).value for _ in range(300)]
    assert np.mean(areas) == pytest.approx(expected_auroc(risks, risks), abs=0.004)


def test_the_band_holds_the_figure_that_labels_bring() -> None:
    """Overconfident scores, calibrated on 800 cases: 60 windows, nominal 95 %."""
    rng = np.random.default_rng(2)
    inside = dict.fromkeys(METRICS, 0)
    for _ in range(60):
        x = rng.normal(size=1200)
        truth = rng.random(1200) < 1 / (1 + np.exp(0.7 - 2 * x))
        scores = 1 / (1 + np.exp(0.9 - 4 * x))
        known = calibrate(scores[:800], truth[:800], rng)
        assert known is not None
        now, came, called = scores[800:], truth[800:], scores[800:] > 0.5
        band = estimate(known, now, called, rng, draws=100)
        real = {
            "auroc": auroc(now, came).value or 0,
            "diagnostic_accuracy": float((called == came).mean()),
            "ppv": float(came[called].mean()),
        }
        for metric, value in real.items():
            one = band[metric]
            inside[metric] += (one.lower or 0) <= value <= (one.upper or 0)
    for metric in ("auroc", "diagnostic_accuracy", "ppv"):
        assert 50 <= inside[metric]  # 95 % of 60 less four binomial errors


def test_scores_that_are_risks_already_stay_as_they_are() -> None:
    """Separated classes leave nothing to calibrate; logits always need it."""
    rng = np.random.default_rng(3)
    truth = rng.random(400) < 0.5
    apart = calibrate(np.where(truth, 0.95, 0.05), truth, rng)
    assert apart is not None
    assert apart.curve is None
    logits = calibrate(rng.normal(size=400) + 2 * truth, truth, rng)
    assert logits is not None
    assert logits.curve is not None


def test_bad_input_has_no_estimate() -> None:
    """One class, no rows, missing or infinite scores: None or a status."""
    rng = np.random.default_rng(4)
    nothing = [
        calibrate([], [], rng),
        calibrate([0.1, 0.9, 0.5], [1, 1, 1], rng),
        calibrate([np.nan, np.inf, 0.4, 0.6], [0, 1, 0, 1], rng),
    ]
    assert [None, None, None] == nothing
    known = calibrate([0.1, 0.2, 0.8, 0.9, 0.3, 0.7], [0, 0, 1, 1, 1, 0], rng)
    assert isinstance(known, Calibration)
    for scores in ([], [np.nan, np.inf, -np.inf], [0.5]):
        found = estimate(known, scores, np.ones(len(scores)), rng)
        assert {"insufficient_data"} == {e.status for e in found.values()}
    same = estimate(known, [0.9] * 30, [True] * 30, rng)
    for one in same.values():
        numbers = (one.value, one.lower, one.upper)
        assert all(x is None or np.isfinite(x) for x in numbers)


def test_another_mix_of_known_cases_is_within_support() -> None:
    """Old cases three times as often: told apart, and still not outside."""
    rng = np.random.default_rng(5)
    cases = rng.normal(size=(4000, 6))
    mix = np.exp(np.clip(cases[2000:, 0], -2, 2))
    older = cases[2000:][rng.choice(2000, 600, p=mix / mix.sum())]
    found = support(cases[:2000], older, rng)
    assert 0.6 < (found.domain_auroc or 0) < 0.9
    assert (found.outside or 1) < 0.15


def test_cases_that_the_reference_never_saw_are_outside() -> None:
    """A scanner that multiplies two features is found, and missingness too."""
    rng = np.random.default_rng(6)
    cases = rng.lognormal(size=(1600, 8), sigma=0.3)
    same = support(cases[:1000], cases[1000:], rng)
    assert (same.outside or 1) < 0.03
    broken = cases[1000:].copy()
    broken[:, :2] *= 2.5
    assert (support(cases[:1000], broken, rng).lower or 0) > 0.6
    absent = cases[1000:].copy()
    absent[:, 3] = np.nan
    assert (support(cases[:1000], absent, rng).lower or 0) > 0.6


def test_too_few_or_degenerate_cases_are_a_status() -> None:
    """Few rows are `insufficient_data`; odd columns are taken."""
    rng = np.random.default_rng(7)
    assert (
        "insufficient_data" == support(np.ones((10, 2)), np.ones((90, 2)), rng).status
    )
    odd = np.full((100, 3), np.nan)
    odd[:, 1] = 4.0
    odd[::2, 2] = np.inf
    found = support(odd, odd, rng)
    assert "ok" == found.status
    assert np.isfinite(found.domain_auroc or np.nan)
