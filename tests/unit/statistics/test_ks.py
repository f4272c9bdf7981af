"""Kolmogorov-Smirnov: published values, scipy's values, and what scipy leaves out."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from algovigil.statistics.ks import ks


def test_published_exact_value() -> None:
    """1..5 against 6..10: D is 1 and 2 of the 252 orderings are as extreme."""
    result = ks(range(1, 6), range(6, 11))
    assert (1.0, "exact") == (result.statistic, result.method)
    assert 2 / 252 == pytest.approx(result.p_value, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 7), (50, 80), (90, 1000), (1, 40)])
def test_exact_as_scipy(n: int, m: int) -> None:
    """Statistic and exact p-value agree with scipy where there are no ties."""
    rng = np.random.default_rng(n * m)
    x, y = rng.normal(size=n), rng.normal(0.4, 1, size=m)
    expected = stats.ks_2samp(x, y, method="exact")
    result = ks(x, y)
    assert expected.statistic == pytest.approx(result.statistic)
    assert expected.pvalue == pytest.approx(result.p_value, rel=1e-9)


def test_exact_with_ties_is_the_permutation_test() -> None:
    """With tied values the p-value is that of all orderings, counted one by one."""
    x, y = [0, 0, 1, 2], [1, 1, 2, 3, 3]
    pooled = np.array(x + y)
    observed = ks(x, y).statistic
    reached = 0
    splits = list(itertools.combinations(range(9), 4))
    for chosen in splits:
        rest = np.delete(pooled, chosen)
        distance = ks(pooled[list(chosen)], rest).statistic
        reached += distance is not None and distance >= (observed or 0) - 1e-12
    result = ks(x, y)
    assert result.tied
    assert reached / len(splits) == pytest.approx(result.p_value, rel=1e-12)


@pytest.mark.parametrize(("critical", "p_value"), [(1.3581, 0.05), (1.6276, 0.01)])
def test_asymptotic_critical_values(critical: float, p_value: float) -> None:
    """sqrt(nm/(n+m)) D of 1.3581 is the 5 % point, 1.6276 the 1 % point."""
    n = 20_000
    shift = round(critical * np.sqrt(2 / n) * n)
    result = ks(np.arange(n), np.arange(n) + shift)
    assert "asymptotic" == result.method
    assert p_value == pytest.approx(result.p_value, rel=0.02)


def test_missing_takes_no_part_and_infinity_is_a_value() -> None:
    """NaN is left out; infinite values are ordered and give no NaN."""
    assert ks([1, 2, 3, np.nan], [1, 2, 3]).p_value == 1.0
    assert ks([np.inf] * 5, [-np.inf] * 5).statistic == 1.0


@pytest.mark.parametrize(("x", "y"), [([], [1.0]), ([np.nan], [1.0]), ([], [])])
def test_an_empty_side_is_insufficient_data(x: list[float], y: list[float]) -> None:
    """Nothing to compare is a status, not a number."""
    result = ks(x, y)
    assert ("insufficient_data", None, None) == (
        result.status,
        result.statistic,
        result.p_value,
    )


def test_equal_constants_do_not_differ() -> None:
    """A constant on both sides has distance 0 and p-value 1."""
    result = ks([3.0] * 500, [3.0] * 700)
    assert (0.0, 1.0) == (result.statistic, result.p_value)


def test_symmetric_and_blind_to_order() -> None:
    """Exchanging the samples or shuffling one changes nothing."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=60), rng.normal(0.5, 1, size=90)
    forth, back = ks(x, y), ks(y, rng.permutation(x))
    assert forth.statistic == back.statistic
    assert forth.p_value == pytest.approx(back.p_value)


def test_p_values_under_no_shift_are_at_most_nominal() -> None:
    """Of 400 comparisons without a shift about 5 % are under .05, never far more."""
    rng = np.random.default_rng(5)
    p_values = [
        ks(rng.normal(size=300), rng.normal(size=300)).p_value or 0.0
        for _ in range(400)
    ]
    alarms = sum(p < 0.05 for p in p_values)
    assert alarms <= stats.binom.ppf(0.999, 400, 0.05)
    assert alarms >= stats.binom.ppf(0.001, 400, 0.05)


def test_importing_the_drift_module_imports_no_numpy() -> None:
    """A model server that never asks for drift does not pay for numpy or scipy."""
    code = (
        "import sys, algovigil.drift;"
        "sys.exit(any(m in sys.modules for m in ('numpy', 'scipy', 'pandas')))"
    )
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
