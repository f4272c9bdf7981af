"""Chi-square compares two samples: the reference is a sample, not the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from algovigil.statistics.chi_square import chi_square, fisher_exact


def test_published_table() -> None:
    """Agresti's table of party by gender: 30.0701, 2 degrees of freedom."""
    result = chi_square([762, 327, 468], [484, 239, 477])
    assert 30.0701 == pytest.approx(result.statistic, abs=5e-5)
    assert 2.9536e-07 == pytest.approx(result.p_value, rel=1e-4)
    assert (2, "chi_square") == (result.freedom, result.method)


def test_published_table_with_an_unseen_level() -> None:
    """[4, 2, 0] against [1, 1, 4], levels kept as they are: 6.133333."""
    result = chi_square([4, 2, 0], [1, 1, 4], min_expected=0)
    assert 6.133333 == pytest.approx(result.statistic, abs=5e-7)
    assert 0.04657615 == pytest.approx(result.p_value, abs=5e-9)


def test_alarms_without_a_shift_are_near_nominal() -> None:
    """500 against 500 over five levels: about 5 % alarms, not a third."""
    rng = np.random.default_rng(7)
    shares = [0.35, 0.25, 0.2, 0.15, 0.05]
    alarms = sum(
        (chi_square(*rng.multinomial(500, shares, size=2)).p_value or 0) < 0.05
        for _ in range(1000)
    )
    assert stats.binom.ppf(0.001, 1000, 0.05) <= alarms
    assert alarms <= stats.binom.ppf(0.999, 1000, 0.05)


def test_one_unseen_row_of_a_thousand_is_no_drift() -> None:
    """A level that the reference never had, once, is not evidence."""
    result = chi_square([400, 300, 200, 100, 0], [400, 299, 200, 100, 1])
    assert result.p_value is not None
    assert result.p_value > 0.5


def test_a_constant_category_is_no_drift() -> None:
    """One level on both sides: statistic 0, p-value 1, and no NaN."""
    result = chi_square([500], [300])
    assert (0.0, 1.0, 0.0, "ok") == (
        result.statistic,
        result.p_value,
        result.cramers_v,
        result.status,
    )


def test_sparse_levels_are_pooled() -> None:
    """Rare levels are put together until each is expected five times."""
    result = chi_square([100, 100, 1, 2, 1, 3, 2], [90, 110, 2, 1, 1, 2, 3])
    assert (3, 5, "chi_square") == (result.levels, result.pooled, result.method)


@pytest.mark.parametrize(
    "table", [[[3, 1], [1, 3]], [[8, 2], [1, 5]], [[0, 9], [4, 4]], [[2, 50], [0, 60]]]
)
def test_a_sparse_two_by_two_table_gets_fishers_test(table: list[list[int]]) -> None:
    """The p-value is scipy's exact one."""
    expected = stats.fisher_exact(table).pvalue
    assert expected == pytest.approx(fisher_exact(table))
    result = chi_square(*table)
    assert "fisher" == result.method
    assert expected == pytest.approx(result.p_value)


def test_monte_carlo_is_never_zero_and_near_the_exact_value() -> None:
    """(k + 1) / (N + 1) over tables with the same margins."""
    rng = np.random.default_rng(11)
    result = chi_square([4, 2, 0], [1, 1, 4], min_expected=0, resamples=20_000, rng=rng)
    assert "monte_carlo" == result.method
    # Fisher-Freeman-Halton style enumeration by scipy, statistic for statistic
    assert 0.0693 == pytest.approx(result.p_value, abs=0.006)
    apart = chi_square([9, 0, 0], [0, 5, 4], min_expected=0, resamples=99, rng=rng)
    assert apart.p_value is not None
    assert apart.p_value >= 0.01


@pytest.mark.parametrize(("x", "y"), [([], []), ([0, 0], [1, 2]), ([3], [0])])
def test_an_empty_side_is_insufficient_data(x: list[int], y: list[int]) -> None:
    """Nothing to compare is a status, not a number."""
    result = chi_square(x, y)
    assert ("insufficient_data", None) == (result.status, result.p_value)


def test_large_samples_agree_with_scipy() -> None:
    """Pearson's statistic without Yates's correction."""
    rng = np.random.default_rng(13)
    table = rng.multinomial(5000, [0.5, 0.3, 0.2], size=2)
    expected = stats.chi2_contingency(table, correction=False)
    result = chi_square(*table)
    assert expected.statistic == pytest.approx(result.statistic)
    assert expected.pvalue == pytest.approx(result.p_value)
