"""Two-sample chi-square test of homogeneity on counts per level.

Both samples are random: the reference is never taken for the exact truth. Sparse
levels are pooled, 2 x 2 tables too sparse for chi-square get Fisher's exact test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK, Status

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MIN_EXPECTED = 5.0
"""Cochran's rule: every expected count is at least this (Biometrics 1954)."""

Method = Literal["chi_square", "fisher", "monte_carlo", "none"]


@dataclass(frozen=True, slots=True)
class ChiSquareResult:
    """The statistic, its p-value and effect size, after pooling."""

    statistic: float | None
    p_value: float | None
    freedom: int
    cramers_v: float | None
    """sqrt(statistic / (n + m)) for two samples; 0 is no difference, 1 complete."""
    levels: int
    pooled: int
    """Levels that were put together because they were expected too seldom."""
    method: Method
    status: Status


def chi_square(
    reference_counts: ArrayLike,
    current_counts: ArrayLike,
    min_expected: float = MIN_EXPECTED,
    resamples: int = 0,
    rng: np.random.Generator | None = None,
) -> ChiSquareResult:
    """Test whether two vectors of counts (K,) over the same levels agree.

    Pearson's statistic on the 2 x K table, K - 1 degrees of freedom, no continuity
    correction (Agresti, Categorical Data Analysis, 3.2). Levels expected fewer than
    *min_expected* times in either sample are pooled, though never below two levels;
    a 2 x 2 table that stays sparse gets Fisher's p-value. With *rng* and
    *resamples* N the p-value of a sparse table of more levels is (k + 1) / (N + 1)
    over N tables with the same margins; pass `min_expected=0` to keep its levels.
    """
    table = np.stack(
        [
            np.asarray(reference_counts, dtype=np.int64).ravel(),
            np.asarray(current_counts, dtype=np.int64).ravel(),
        ]
    )
    table = table[:, table.sum(axis=0) > 0]
    if not table.sum(axis=1).all():
        return ChiSquareResult(
            None, None, 0, None, table.shape[1], 0, "none", INSUFFICIENT
        )
    before = table.shape[1]
    table = _pool(table, min_expected)
    levels = table.shape[1]
    statistic = _pearson(table)
    method, p_value = _p_value(table, statistic, resamples, rng)
    return ChiSquareResult(
        statistic=statistic,
        p_value=p_value,
        freedom=levels - 1,
        cramers_v=float(np.sqrt(statistic / table.sum())),
        levels=levels,
        pooled=before - levels + 1 if before > levels else 0,
        method=method,
        status=OK,
    )


def fisher_exact(table: ArrayLike) -> float:
    """Return the two-sided p-value of a 2 x 2 *table* (Fisher 1935).

    The sum of all tables with these margins that are no more probable than this one.
    """
    from scipy.special import gammaln

    (a, b), (c, d) = np.asarray(table, dtype=np.int64).tolist()
    row, column, total = a + b, a + c, a + b + c + d
    x = np.arange(max(0, row + column - total), min(row, column) + 1)
    log_weight = -(
        gammaln(x + 1)
        + gammaln(row - x + 1)
        + gammaln(column - x + 1)
        + gammaln(total - row - column + x + 1)
    )
    weight = np.exp(log_weight - log_weight.max())
    observed = weight[a - x[0]]
    # 1e-7: equal probabilities differ in their last bits (as R's fisher.test)
    extreme = weight[weight <= observed * (1 + 1e-7)]
    return min(float(extreme.sum() / weight.sum()), 1.0)


def _expected(table: NDArray[np.int64]) -> NDArray[np.float64]:
    rows = table.sum(axis=1, dtype=np.float64)
    return np.outer(rows, table.sum(axis=0)) / rows.sum()


def _pearson(table: NDArray[np.int64]) -> float:
    expected = _expected(table)
    return float(((table - expected) ** 2 / expected).sum())


def _pool(table: NDArray[np.int64], min_expected: float) -> NDArray[np.int64]:
    """Add up the rarest levels until each is expected often enough or two remain."""
    smaller_share = table.sum(axis=1).min() / table.sum()
    totals = table.sum(axis=0)
    order = np.argsort(totals, kind="stable")
    ascending = totals[order] * smaller_share
    if ascending[0] >= min_expected:
        return table
    # the pool takes every sparse level, then more until it is not sparse itself
    sparse = int((ascending < min_expected).sum())
    enough = int(np.searchsorted(np.cumsum(ascending), min_expected)) + 1
    size = min(max(sparse, enough), table.shape[1] - 1)
    if size < 2:
        return table
    pool = table[:, order[:size]].sum(axis=1, keepdims=True)
    return np.hstack([table[:, np.sort(order[size:])], pool])


def _p_value(
    table: NDArray[np.int64],
    statistic: float,
    resamples: int,
    rng: np.random.Generator | None,
) -> tuple[Method, float]:
    freedom = table.shape[1] - 1
    if not freedom:
        return "chi_square", 1.0
    if _expected(table).min() < MIN_EXPECTED:
        if freedom == 1:
            return "fisher", fisher_exact(table)
        if rng is not None and resamples:
            return "monte_carlo", _monte_carlo(table, statistic, resamples, rng)
    from scipy.special import chdtrc

    return "chi_square", float(chdtrc(freedom, statistic))


def _monte_carlo(
    table: NDArray[np.int64], statistic: float, resamples: int, rng: np.random.Generator
) -> float:
    """Draw tables with the margins of *table* (Patefield 1981, by hypergeometry)."""
    totals = table.sum(axis=0)
    expected = _expected(table)
    method: Literal["count", "marginals"] = "marginals"
    first = rng.multivariate_hypergeometric(
        totals, int(table[0].sum()), size=resamples, method=method
    )
    drawn = ((first - expected[0]) ** 2 / expected[0]).sum(axis=1)
    drawn += ((totals - first - expected[1]) ** 2 / expected[1]).sum(axis=1)
    # 1e-9: the same table summed in another order counts as equal
    at_least = int((drawn >= statistic * (1 - 1e-9)).sum())
    return (at_least + 1) / (resamples + 1)
