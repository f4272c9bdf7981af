"""Two-sample Kolmogorov-Smirnov test: how far apart two distribution functions are.

Missing values (NaN) take no part: that a value is missing is the business of
`psi`. Infinite values are ordered like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK, Status

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

EXACT_PRODUCT = 10_000
"""Exact p-values are taken up to this product of the sample sizes, ..."""
EXACT_SMALLER = 100
"""... or when the smaller sample has at most this size, ..."""
EXACT_STEPS = 10_000
"""... but never over more steps than this: one takes about 10 us."""


@dataclass(frozen=True, slots=True)
class KsResult:
    """D and its p-value; both None when a side is empty (`insufficient_data`)."""

    statistic: float | None
    p_value: float | None
    n_reference: int
    n_current: int
    method: Literal["exact", "asymptotic", "none"]
    tied: bool
    """Some values are equal: the asymptotic p-value is then an upper bound."""
    status: Status


def ks(
    reference: ArrayLike,
    current: ArrayLike,
    method: Literal["auto", "exact", "asymptotic"] = "auto",
) -> KsResult:
    """Test whether *reference* (n,) and *current* (m,) have one distribution.

    D = sup |F - G|. The exact p-value is the share of the C(n+m, n) orderings of the
    pooled sample whose distance is at least D; between tied values an ordering is not
    looked at, which makes it the exact permutation test for tied data as well
    (Schroeer and Trenkler, Comput. Stat. Data Anal. 1995). The asymptotic p-value is
    Q_KS(sqrt(nm / (n+m)) D) (Smirnov 1948). `auto` takes the exact one for small
    samples.
    """
    x, y = _sorted(reference), _sorted(current)
    n, m = x.size, y.size
    if not n or not m:
        return KsResult(None, None, n, m, "none", tied=False, status=INSUFFICIENT)
    pooled = np.concatenate([x, y])
    order = np.argsort(pooled, kind="stable")  # merges two sorted runs, in linear time
    pooled = pooled[order]
    block_ends = np.append(pooled[1:] != pooled[:-1], True)
    of_x = np.cumsum(order < n)
    of_y = np.arange(1, n + m + 1) - of_x
    # in units of 1 / (n m), so that equal distances compare equal; F and G are compared
    # where a run of equal values ends
    distance = int(np.abs(of_x * m - of_y * n)[block_ends].max())
    if method == "auto":
        method = "exact" if _is_small(n, m) else "asymptotic"
    if method == "exact":
        p_value = _exact(n, m, distance, block_ends)
    else:
        p_value = _asymptotic(n, m, distance)
    return KsResult(
        statistic=distance / (n * m),
        p_value=p_value,
        n_reference=n,
        n_current=m,
        method=method,
        tied=not bool(block_ends.all()),
        status=OK,
    )


def _sorted(values: ArrayLike) -> NDArray[np.float64]:
    array = np.sort(np.asarray(values, dtype=np.float64).ravel())
    return array[: array.size - int(np.isnan(array).sum())]  # NaN sorts last


def _is_small(n: int, m: int) -> bool:
    small = n * m <= EXACT_PRODUCT or min(n, m) <= EXACT_SMALLER
    return small and n + m <= EXACT_STEPS


def _asymptotic(n: int, m: int, distance: int) -> float:
    from scipy.special import kolmogorov

    return float(kolmogorov(distance / np.sqrt(float(n) * m * (n + m))))


def _exact(n: int, m: int, distance: int, block_ends: NDArray[np.bool_]) -> float:
    """Sum the probability of the walks that reach *distance* at an end of a block.

    Summing what is absorbed, not 1 minus what survives, keeps small p-values exact.
    The loop over steps is the walk itself; each step is vectorised over positions.
    """
    if n > m:
        n, m = m, n  # the distance is symmetric, and positions are the smaller side
    if distance == 0:
        return 1.0
    total = n + m
    taken = np.arange(n + 1)
    probability = np.zeros(n + 1)
    probability[0] = 1.0
    absorbed = 0.0
    for step in range(total):
        left = total - step
        moving = probability * ((n - taken) / left)
        probability *= (m - step + taken) / left
        probability[1:] += moving[:-1]
        if block_ends[step]:
            reached = np.abs(taken * m - (step + 1 - taken) * n) >= distance
            absorbed += float(probability[reached].sum())
            probability[reached] = 0.0
    return min(absorbed, 1.0)
