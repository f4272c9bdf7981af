"""Adjusted p-values keep the family's promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from algovigil.statistics.multiplicity import benjamini_hochberg, holm

# Benjamini and Hochberg 1995, section 4: 15 comparisons of two thrombolytics
PUBLISHED = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
]  # fmt: skip


def test_published_rejections() -> None:
    """At .05 Bonferroni-type control rejects three, false discovery control four."""
    assert 3 == (holm(PUBLISHED) < 0.05).sum()
    assert 4 == (benjamini_hochberg(PUBLISHED) < 0.05).sum()


def test_as_scipy() -> None:
    """The step-up adjustment agrees with scipy, whatever the order."""
    p = np.random.default_rng(1).random(40) ** 2
    assert stats.false_discovery_control(p) == pytest.approx(benjamini_hochberg(p))


def test_adjusting_is_not_cumulative() -> None:
    """The same p-values give the same answer at every call."""
    assert holm(PUBLISHED).tolist() == holm(PUBLISHED).tolist()


def test_an_empty_family() -> None:
    """No questions, no answers."""
    assert [] == holm([]).tolist()
    assert [] == benjamini_hochberg([]).tolist()


def test_a_p_value_that_is_missing_is_refused() -> None:
    """NaN must not slip through as `no drift`."""
    with pytest.raises(ValueError, match="p-value"):
        holm([0.1, float("nan")])
