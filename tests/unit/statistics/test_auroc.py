"""DeLong's area: published figures, brute force, coverage, and every bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from algovigil.statistics.auroc import (
    auroc,
    compare_paired,
    compare_unpaired,
    roc_curve,
)

NORMAL = [33, 6, 6, 11, 2]
ABNORMAL = [3, 2, 2, 11, 33]
RATING = np.repeat([1, 2, 3, 4, 5] * 2, NORMAL + ABNORMAL).astype(float)
SICK = np.repeat([False, True], [sum(NORMAL), sum(ABNORMAL)])


def test_the_published_area_of_109_ct_readings() -> None:
    """Hanley and McNeil, Radiology 1982: .893171; DeLong's error .030724."""
    found = auroc(RATING, SICK)
    assert (0.893171, 0.030724) == (
        round(found.value or 0, 6),
        round(found.error or 0, 6),
    )
    assert (51, 58, "delong") == (found.positives, found.negatives, found.method)


def test_the_negatives_have_a_variance_too() -> None:
    """Brute force over all pairs: S10/m + S01/n, not S10/m alone (31 % less)."""
    rng = np.random.default_rng(3)
    truth = rng.random(400) < 0.7
    scores = np.round(rng.normal(size=400) + 1.5 * truth, 1)
    pos, neg = scores[truth], scores[~truth]
    wins = (pos[:, None] > neg) + 0.5 * (pos[:, None] == neg)
    v10, v01 = wins.mean(axis=1), wins.mean(axis=0)
    whole = np.var(v10, ddof=1) / pos.size + np.var(v01, ddof=1) / neg.size
    found = auroc(scores, truth)
    assert [wins.mean(), whole**0.5] == pytest.approx([found.value, found.error])


def test_a_row_that_stands_for_three_counts_three_times() -> None:
    """Weights give the area of the rows repeated, and no false precision."""
    rng = np.random.default_rng(4)
    truth = rng.random(200) < 0.4
    scores = rng.normal(size=200) + truth
    weights = rng.integers(1, 4, 200)
    weighted = auroc(scores, truth, weights)
    repeated = auroc(np.repeat(scores, weights), np.repeat(truth, weights))
    assert repeated.value == pytest.approx(weighted.value)
    assert (weighted.error or 0) > (repeated.error or 0)


def test_paired_comparison_uses_that_the_cases_are_the_same() -> None:
    """Two models on one data set: brute-force covariance of the placements."""
    data = load_breast_cancer()
    truth = data.target == 0
    scores = [
        cross_val_predict(
            LogisticRegression(), data.data[:, [column]], truth, method="predict_proba"
        )[:, 1]
        for column in (1, 4)
    ]
    found = compare_paired(scores[0], scores[1], truth)
    placed = [
        (
            (s[truth][:, None] > s[~truth]) + 0.5 * (s[truth][:, None] == s[~truth])
        ).astype(float)
        for s in scores
    ]
    gap = placed[0] - placed[1]
    variance = np.var(gap.mean(axis=1), ddof=1) / truth.sum()
    variance += np.var(gap.mean(axis=0), ddof=1) / (~truth).sum()
    p_value = 2 * norm.sf(abs(gap.mean()) / variance**0.5)
    assert [gap.mean(), variance**0.5, p_value] == pytest.approx(
        [found.difference, found.error, found.p_value]
    )
    areas = [roc_auc_score(truth, s) for s in scores]
    assert areas[0] - areas[1] == pytest.approx(found.difference)


def test_unpaired_comparison_finds_nothing_between_equals() -> None:
    """Two halves of one data set differ by chance: nominal 5 % in 400 runs."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(400):
        truth = rng.random(240) < 0.4
        scores = rng.normal(size=240) + truth
        found = compare_unpaired(
            (scores[:120], truth[:120]), (scores[120:], truth[120:])
        )
        alarms += (found.p_value or 0) < 0.05
    assert 8 <= alarms <= 33  # 5 % of 400 within 3 binomial errors


@pytest.mark.parametrize("size", [1, 3, 40])
def test_perfect_separation_is_not_certainty(size: int) -> None:
    """At an area of 1 DeLong's variance is 0; the interval must not be a point."""
    scores = np.arange(2.0 * size)
    found = auroc(scores, scores >= size)
    assert (1.0, 1.0, "newcombe") == (found.value, found.upper, found.method)
    assert (found.lower or 0) < 1 - 0.5 / size**1.5


@pytest.mark.parametrize(
    ("scores", "truth"),
    [
        ([], []),
        ([0.5], [True]),
        ([0.1, 0.9], [False, False]),
        ([np.nan, np.nan], [True, False]),
        ([np.inf, -np.inf], [True, False]),
    ],
    ids=["none", "one row", "one class", "missing", "infinite"],
)
def test_what_cannot_be_said_is_a_status(
    scores: list[float], truth: list[bool]
) -> None:
    """Bad input is `insufficient_data` without any number: no NaN, no exception."""
    found = auroc(scores, truth)
    assert ("insufficient_data", None, None, None) == (
        found.status,
        found.value,
        found.lower,
        found.upper,
    )
    pair = (scores, truth)
    assert "insufficient_data" == compare_unpaired(pair, pair).status
    assert "insufficient_data" == compare_paired(scores, scores, truth).status


def test_the_curve_has_the_area() -> None:
    """Trapezoids under the curve, ties included, are the area."""
    false, true = roc_curve(RATING, SICK)
    assert 0.893171 == pytest.approx(np.trapezoid(true, false), abs=1e-6)
    assert [0, 1, 0, 1] == [false[0], false[-1], true[0], true[-1]]
