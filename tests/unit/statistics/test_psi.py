"""PSI on pinned bins: nothing in the current data can move or hide a bin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from algovigil.statistics.psi import bin_counts, psi, quantile_edges


def index(reference: np.ndarray, current: np.ndarray) -> float:
    edges = quantile_edges(reference)
    result = psi(bin_counts(reference, edges), bin_counts(current, edges))
    assert result.statistic is not None
    return result.statistic


def test_one_wild_value_hides_no_shift() -> None:
    """A shift of one SD stays an alarm when a single value of 1e6 joins it."""
    rng = np.random.default_rng(1)
    reference, current = rng.normal(size=1000), rng.normal(1, 1, size=1000)
    plain = index(reference, current)
    assert plain > 0.8
    assert plain == pytest.approx(index(reference, np.append(current, 1e6)), rel=0.02)


def test_two_samples_of_one_distribution_are_near_zero() -> None:
    """1000 against 1000 normal values: an index of about 9 * 2/1000, not 1.42."""
    rng = np.random.default_rng(2)
    values = [index(rng.normal(size=1000), rng.normal(size=1000)) for _ in range(50)]
    assert np.mean(values) == pytest.approx(0.02, abs=0.006)
    assert max(values) < 0.1


def test_missing_values_are_a_bin() -> None:
    """90 % missing is a large index, though the values that are left did not move."""
    rng = np.random.default_rng(3)
    reference, current = rng.normal(size=1000), rng.normal(size=1000)
    current[rng.random(1000) < 0.9] = np.nan
    assert index(reference, current) > 2


@pytest.mark.parametrize("size", [100, 500])
def test_the_bound_keeps_its_level(size: int) -> None:
    """Without a shift the index exceeds its chi-square bound about 5 % of the time."""
    rng = np.random.default_rng(size)
    alarms = 0
    for _ in range(500):
        reference, current = rng.normal(size=size), rng.normal(size=size)
        edges = quantile_edges(reference)
        result = psi(bin_counts(reference, edges), bin_counts(current, edges))
        assert result.statistic is not None
        assert result.bound is not None
        alarms += result.statistic > result.bound
    assert alarms <= stats.binom.ppf(0.999, 500, 0.05)


def test_bound_and_p_value_say_the_same() -> None:
    """At the bound the p-value is alpha."""
    reference, current = [100] * 10, [130, 70] * 5
    result = psi(reference, current)
    assert result.statistic is not None
    assert result.bound is not None
    scale = 1 / 1000 + 1 / 1000
    assert stats.chi2.isf(0.05, 9) * scale == pytest.approx(result.bound)
    expected = stats.chi2.sf(result.statistic / scale, 9)
    assert expected == pytest.approx(result.p_value)


def test_counts_go_where_they_belong() -> None:
    """Below, each bin, above, missing, infinite: every value is counted once."""
    edges = np.array([0.0, 1.0, 2.0])
    values = [-1, 0, 0.5, 1, 1.9, 2, 9, np.nan, np.inf, -np.inf]
    assert [1, 2, 2, 2, 3, 2] == bin_counts(values, edges, missing=2).tolist()


def test_a_discrete_reference_has_a_bin_for_each_value() -> None:
    """A flag that goes from 5 % to 30 % is seen, though all deciles are 0."""
    reference = np.repeat([0.0, 1.0], [950, 50])
    current = np.repeat([0.0, 1.0], [700, 300])
    edges = quantile_edges(reference)
    assert [0, 950, 50, 0, 0, 0] == bin_counts(reference, edges).tolist()
    assert index(reference, current) > 0.4


@pytest.mark.parametrize("reference", [[], [np.nan] * 9, [np.inf] * 9])
def test_a_reference_without_finite_values_has_one_bin(reference: list[float]) -> None:
    """No edges: all finite values are one bin, so that nothing ever raises."""
    edges = quantile_edges(reference)
    assert 0 == len(edges)
    assert [3, 1, 0] == bin_counts([1, 2, 3, np.nan], edges).tolist()


def test_nothing_on_one_side_is_insufficient_data() -> None:
    """Empty counts have no index."""
    result = psi([0, 0], [3, 4])
    assert ("insufficient_data", None) == (result.status, result.statistic)


def test_everything_in_one_bin_is_no_drift() -> None:
    """A constant feature that stays constant: index 0, p-value 1."""
    result = psi([0, 50, 0], [0, 70, 0])
    assert (0.0, 1.0, 1) == (result.statistic, result.p_value, result.bins)


floats = st.lists(st.floats(), max_size=60)


@settings(max_examples=200, deadline=None)
@given(reference=floats, current=floats)
def test_any_values_are_counted_once_and_give_no_nan(
    reference: list[float], current: list[float]
) -> None:
    """Whatever the values: edges ascend, rows add up, numbers are finite or None."""
    edges = quantile_edges(reference)
    assert (np.diff(edges) > 0).all()
    before, after = bin_counts(reference, edges), bin_counts(current, edges)
    assert (len(reference), len(current)) == (before.sum(), after.sum())
    assert 0 == before[0] or not len(edges)
    result = psi(before, after)
    for number in (result.statistic, result.p_value, result.bound):
        assert number is None or np.isfinite(number)
