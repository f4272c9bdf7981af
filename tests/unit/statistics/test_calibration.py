"""Calibration: agreement with other implementations, coverage, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score

from algovigil.statistics.calibration import (
    brier,
    brier_skill,
    ece,
    in_the_large,
    recalibrate,
    reliability,
)
from algovigil.statistics.confusion import Confusion
from algovigil.statistics.isotonic import isotonic
from algovigil.statistics.precision_recall import auprc, f1
from algovigil.statistics.predictive_values import at_prevalence

RNG = np.random.default_rng(8)
RISK = RNG.beta(2, 3, 1500)
TRUTH = RNG.random(1500) < RISK


def test_brier_and_its_skill() -> None:
    """As scikit-learn's; the skill compares with the prevalence."""
    found = brier(RISK, TRUTH)
    assert brier_score_loss(TRUTH, RISK) == pytest.approx(found.value)
    base = TRUTH.mean() * (1 - TRUTH.mean())
    assert 1 - (found.value or 0) / base == pytest.approx(brier_skill(RISK, TRUTH))


def test_recalibration_finds_the_slope_that_was_put_in() -> None:
    """Logits doubled and raised by 1: slope 1/2, and the joint test says no."""
    logit = np.log(RISK / (1 - RISK))
    wrong = 1 / (1 + np.exp(-(2 * logit + 1)))
    found = recalibrate(wrong, TRUTH)
    theirs = LogisticRegression(C=np.inf).fit((2 * logit + 1)[:, None], TRUTH)
    assert float(theirs.coef_[0, 0]) == pytest.approx(found.slope.value, rel=1e-3)
    assert (found.slope.lower or 0) < 0.5 < (found.slope.upper or 0)
    assert (found.p_value or 1) < 1e-10
    assert (recalibrate(RISK, TRUTH).p_value or 0) > 0.01


def test_observed_over_expected_has_an_exact_interval() -> None:
    """10 events where 20 were expected: .5, Garwood's .2398 to .9196."""
    found = in_the_large(np.full(100, 0.2), np.arange(100) < 10)
    assert [0.5, 0.2398, 0.9195] == pytest.approx(
        [found.value, found.lower, found.upper], abs=1e-4
    )


def test_ece_is_shown_beside_what_chance_gives() -> None:
    """A perfect model's ECE is not 0; its null says so, and its p-value is uniform."""
    rng = np.random.default_rng(9)
    p_values = []
    for _ in range(200):
        risk = rng.beta(2, 3, 300)
        found = ece(risk, rng.random(300) < risk, rng=rng, draws=300)
        p_values.append(found.p_value or 0)
        assert 0.01 < (found.null or 0) < 0.1
    assert 2 <= sum(p < 0.05 for p in p_values) <= 20
    assert (ece(RISK**2, TRUTH).p_value or 1) < 0.01


def test_bins_hold_all_cases_and_no_tie_is_torn() -> None:
    """Bins are about equal; equal risks are in one bin."""
    bins = reliability(RISK, TRUTH)
    assert (10, 1500) == (len(bins), sum(b.n for b in bins))
    assert [1] == [len(reliability(np.full(50, 0.3), np.arange(50) < 15))]


def test_weights_stand_for_rows() -> None:
    """Each figure of weighted rows is that of the rows repeated."""
    times = np.random.default_rng(1).integers(1, 5, RISK.size)
    again = np.repeat(RISK, times), np.repeat(TRUTH, times)
    for figure in (brier, in_the_large, auprc):
        assert figure(*again).value == pytest.approx(figure(RISK, TRUTH, times).value)
    slope = recalibrate(RISK, TRUTH, times).slope
    assert recalibrate(*again).slope.value == pytest.approx(slope.value)


def test_average_precision_and_f1() -> None:
    """As scikit-learn's; intervals hold the figure and stay within 0 and 1."""
    found = auprc(np.round(RISK, 2), TRUTH)
    assert average_precision_score(TRUTH, np.round(RISK, 2)) == pytest.approx(
        found.value
    )
    called = RISK > 0.5
    table = Confusion(
        int((called & TRUTH).sum()),
        int((called & ~TRUTH).sum()),
        int((~called & TRUTH).sum()),
        int((~called & ~TRUTH).sum()),
    )
    score = f1(table)
    assert f1_score(TRUTH, called) == pytest.approx(score.value)
    assert 0 < (score.lower or 0) < (score.value or 0) < (score.upper or 0) < 1


def test_predictive_values_at_their_own_prevalence_are_their_own() -> None:
    """Altman and Bland's liver scans: PPV .88 and NPV .67; at 25 % .46 and .95."""
    scans = Confusion(231, 32, 27, 54)
    own = at_prevalence(scans, 258 / 344)
    assert [231 / 263, 54 / 81] == pytest.approx([own[0].value, own[1].value])
    quarter = at_prevalence(scans, 0.25)
    assert [0.45, 0.95] == [round(q.value or 0, 2) for q in quarter]
    perfect = at_prevalence(Confusion(20, 0, 0, 20), 0.1)
    assert all(0 < (e.lower or 0) < 1 for e in perfect)


def test_isotonic_is_scikit_learns() -> None:
    """Ties, ends and the lines between knots, so that CBPE can be reproduced."""
    s = np.round(RISK, 2)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(s, TRUTH)
    at = np.linspace(-0.1, 1.1, 997)
    assert theirs.predict(at).tolist() == pytest.approx(isotonic(s, TRUTH)(at).tolist())


@pytest.mark.parametrize(
    ("risks", "truth"),
    [
        ([], []),
        ([np.nan] * 3, [1, 0, 1]),
        ([np.inf, -np.inf, 2.0], [1, 0, 1]),
        ([0.4], [1]),
    ],
    ids=["none", "missing", "infinite or no risk", "one row"],
)
def test_bad_input_is_a_status(risks: list[float], truth: list[int]) -> None:
    """No exception, no NaN: `insufficient_data`, or a figure that is finite."""
    fit = recalibrate(risks, truth)
    found = [
        brier(risks, truth),
        in_the_large(risks, truth),
        auprc(risks, truth),
        fit.slope,
        fit.intercept,
    ]
    for one in found:
        assert (one.value is None) == (one.status == "insufficient_data")
        assert all(x is None or np.isfinite(x) for x in (one.value, one.lower))
    assert "insufficient_data" == fit.slope.status
    assert brier_skill(risks, truth) is None
    assert len(risks) >= len(reliability(risks, truth))


def test_separated_and_constant_risks_have_no_slope() -> None:
    """A slope that would be infinite, or belongs to one risk only, is unknown."""
    apart = recalibrate([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    flat = recalibrate(np.full(40, 0.3), np.arange(40) < 12)
    assert ["insufficient_data"] * 2 == [apart.slope.status, flat.slope.status]
