"""Intervals reproduce Newcombe's tables and never leave [0, 1]."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from algovigil.statistics.proportions import (
    clopper_pearson,
    newcombe_difference,
    wilson,
)


@pytest.mark.parametrize(
    ("method", "successes", "trials", "lower", "upper"),
    [
        (wilson, 81, 263, 0.2553, 0.3662),
        (clopper_pearson, 81, 263, 0.2527, 0.3676),
        (wilson, 0, 20, 0.0, 0.1611),
        (clopper_pearson, 0, 20, 0.0, 0.1684),
    ],
)
def test_published_intervals(
    method: object, successes: int, trials: int, lower: float, upper: float
) -> None:
    """Newcombe, Statistics in Medicine 1998, table I."""
    assert callable(method)
    interval = method(successes, trials)
    assert (lower, upper) == (round(interval.lower, 4), round(interval.upper, 4))


def test_published_difference() -> None:
    """56/70 against 48/80: .0524 to .3339 (Newcombe 1998, table II, method 10)."""
    interval = newcombe_difference((56, 70), (48, 80))
    assert interval is not None
    assert (0.0524, 0.3339) == (round(interval.lower, 4), round(interval.upper, 4))


@settings(max_examples=200, deadline=None)
@given(
    trials=st.integers(1, 10**6),
    share=st.floats(0, 1),
    confidence=st.sampled_from([0.8, 0.95, 0.99]),
)
def test_intervals_agree_with_scipy_and_hold_the_estimate(
    trials: int, share: float, confidence: float
) -> None:
    """Any count: as scipy's intervals, inside [0, 1], around the point estimate."""
    successes = round(share * trials)
    test = binomtest(successes, trials)
    for ours, theirs in ((wilson, "wilson"), (clopper_pearson, "exact")):
        interval = ours(successes, trials, confidence)
        assert interval is not None
        expected = test.proportion_ci(confidence, method=theirs)
        assert [*expected] == pytest.approx(
            [interval.lower, interval.upper], rel=1e-6, abs=1e-9
        )
        assert 0 <= interval.lower <= successes / trials <= interval.upper <= 1


def test_no_trials_have_no_interval() -> None:
    """0 of 0 is unknown, not 0."""
    assert [None, None, None] == [
        wilson(0, 0),
        clopper_pearson(0, 0),
        newcombe_difference((1, 2), (0, 0)),
    ]


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    """More successes than trials is a mistake of the caller."""
    with pytest.raises(ValueError, match="expected"):
        wilson(successes, trials)
