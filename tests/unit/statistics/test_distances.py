"""Distances: their definitions, their bounds, and what chance gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from algovigil.statistics.distances import jensen_shannon, wasserstein

COUNTS = st.lists(st.integers(0, 10_000), min_size=4, max_size=4)


@given(COUNTS, COUNTS)
@settings(max_examples=200)
def test_jensen_shannon_is_scipys_in_base_2(x: list[int], y: list[int]) -> None:
    """One base for all: 2, so that the distance is within 0..1."""
    result = jensen_shannon(x, y)
    if not sum(x) or not sum(y):
        assert ("insufficient_data", None) == (result.status, result.p_value)
        return
    assert result.statistic is not None
    assert result.p_value is not None
    expected = float(np.nan_to_num(distance.jensenshannon(x, y, base=2)))
    assert expected == pytest.approx(result.statistic, abs=1e-6)
    assert 0 <= result.statistic <= 1 + 1e-12
    assert 0 <= result.p_value <= 1


def test_disjoint_distributions_are_at_distance_one() -> None:
    """In natural logarithms it would be .8326: another number for the same data."""
    assert 1.0 == pytest.approx(jensen_shannon([100, 0], [0, 100]).statistic)


def test_the_jensen_shannon_p_value_keeps_its_level() -> None:
    """Deciles, 1000 against 500 rows: 5 % of null p-values are below 5 %."""
    rng = np.random.default_rng(3)
    below = sum(
        (
            jensen_shannon(
                rng.multinomial(1000, [0.1] * 10), rng.multinomial(500, [0.1] * 10)
            ).p_value
            or 0
        )
        < 0.05
        for _ in range(1000)
    )
    low, high = stats.binom.ppf([0.001, 0.999], 1000, 0.05)
    assert low <= below <= high


def test_wasserstein_is_scipys_in_standard_deviations() -> None:
    """A shift of half a standard deviation is at distance .5."""
    rng = np.random.default_rng(4)
    x = rng.normal(100, 20, 1000)
    y = rng.normal(110, 20, 800)
    result = wasserstein(x, y, rng)
    robust = np.subtract(*np.quantile(x, [0.75, 0.25])) / 1.349
    expected = stats.wasserstein_distance(x, y) / min(x.std(), robust)
    assert expected == pytest.approx(result.statistic)
    assert 1 / 200 == result.p_value


def test_a_permutation_p_value_is_never_zero_and_keeps_its_level() -> None:
    """(k + 1) / (N + 1): complete separation is .005, and no shift is uniform."""
    rng = np.random.default_rng(5)
    assert 1 / 200 == wasserstein(np.arange(50), np.arange(50) + 1e6, rng).p_value
    below = sum(
        (wasserstein(rng.normal(size=60), rng.normal(size=40), rng).p_value or 0) < 0.1
        for _ in range(300)
    )
    low, high = stats.binom.ppf([0.001, 0.999], 300, 0.1)
    assert low <= below <= high


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([], [1.0]),
        ([np.nan], [1.0]),
        ([1.0], [np.inf]),
    ],
)
def test_nothing_finite_is_insufficient_data(x: list[float], y: list[float]) -> None:
    """Neither an exception nor a NaN."""
    result = wasserstein(x, y, np.random.default_rng(0))
    assert ("insufficient_data", None, None) == (
        result.status,
        result.statistic,
        result.p_value,
    )


def test_constants_and_extremes_are_numbers() -> None:
    """Equal constants are at distance 0; unequal and huge ones at a finite one."""
    rng = np.random.default_rng(0)
    assert 0.0 == wasserstein([3.0] * 9, [3.0] * 9, rng).statistic
    for x, y in (([3.0] * 9, [4.0] * 9), ([1e308] * 9, [-1e308] * 9)):
        result = wasserstein(x, y, rng)
        assert result.statistic is not None
        assert np.isfinite(result.statistic)
        assert result.statistic > 1
