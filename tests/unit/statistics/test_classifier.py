"""The domain classifier sees what no single feature shows, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import roc_auc_score

from algovigil.drift import DriftDetector, StatisticalMethod
from algovigil.statistics.classifier import domain_classifier, mann_whitney


def test_its_p_value_keeps_its_level_whatever_it_learns() -> None:
    """10 features, 100 against 100 rows: at most 5 % of null runs are below 5 %."""
    rng = np.random.default_rng(1)
    below = 0
    for _ in range(150):
        x, y = rng.normal(size=(2, 100, 10))
        below += (domain_classifier(x, y, rng).p_value or 0) < 0.05
    assert below <= stats.binom.ppf(0.999, 150, 0.05)


def test_a_lost_correlation_is_seen_and_each_feature_alone_is_not() -> None:
    """Every margin is the same; only that they go together has changed."""
    rng = np.random.default_rng(2)
    tied = 0.8 + 0.2 * np.eye(4)
    x = rng.multivariate_normal(np.zeros(4), tied, 600)
    y = rng.normal(size=(600, 4))
    result = DriftDetector(
        methods=[StatisticalMethod.KS_TEST, StatisticalMethod.DOMAIN_CLASSIFIER]
    ).detect_drift(y, x)
    by_method = {test.method: test for test in result.test_results if not test.feature}
    assert ("",) == result.drifted_features
    assert by_method[StatisticalMethod.DOMAIN_CLASSIFIER].drift_detected


def test_images_that_grow_darker_are_seen_by_their_pixels() -> None:
    """Digits as 64 pixels, dimmed by a tenth: named; other digits are not."""
    pixels = load_digits().data
    rng = np.random.default_rng(3)
    rows = rng.permutation(len(pixels))
    first, second = pixels[rows[:800]], pixels[rows[800:1600]]
    same = domain_classifier(first, second, rng)
    dimmed = domain_classifier(first, second * 0.8, rng)
    assert (same.p_value or 0) > 0.01
    assert (dimmed.p_value or 1) < 1e-6


def test_missing_values_are_part_of_what_it_sees() -> None:
    """A feature that is missing more often in the current rows gives them away."""
    rng = np.random.default_rng(4)
    tumours = load_breast_cancer().data
    x = tumours[rng.integers(0, 569, 400)].copy()
    y = tumours[rng.integers(0, 569, 400)].copy()
    y[rng.random(400) < 0.6, 3] = np.nan
    x[0, 0], y[0, 0] = np.inf, -np.inf
    assert (domain_classifier(x, y, rng).p_value or 1) < 1e-6


def test_mann_whitney_is_the_area_and_scipys_p_value() -> None:
    """With ties, one-sided."""
    rng = np.random.default_rng(5)
    x, y = rng.integers(0, 9, 60).astype(float), rng.integers(1, 10, 50).astype(float)
    auroc, p_value = mann_whitney(x, y)
    truth = [0] * 60 + [1] * 50
    assert roc_auc_score(truth, [*x, *y]) == pytest.approx(auroc)
    expected = stats.mannwhitneyu(
        y, x, alternative="greater", method="asymptotic", use_continuity=False
    )
    assert expected.pvalue == pytest.approx(p_value)


@pytest.mark.parametrize("rows", [0, 1, 10])
def test_few_rows_or_no_columns_are_insufficient_data(rows: int) -> None:
    """A status, never an exception."""
    rng = np.random.default_rng(6)
    few = rng.normal(size=(rows, 3))
    assert "insufficient_data" == domain_classifier(few, few, rng).status
    none = np.empty((300, 0))
    assert "insufficient_data" == domain_classifier(none, none, rng).status


def test_constants_give_chance() -> None:
    """Nothing to tell them apart: an area of one half, a p-value of one."""
    same = np.ones((200, 2))
    result = domain_classifier(same, same, np.random.default_rng(7))
    assert (0.5, 1.0, "ok") == (result.auroc, result.p_value, result.status)
