"""When did a distribution change? On counts per bin and bucket of time.

The counts are those that the database keeps; no row is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

RESAMPLES: Final = 199
_DROP: Final = 7.35
"""Twice the log likelihood that a split may lose and stay in the 95 % set.

The likelihood ratio at a change-point is the maximum of two one-sided walks, so its
95 % point solves (1 - exp(-c/2))^2 = .95: 7.35, and not 3.84 (Siegmund,
International Statistical Review 1988)."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """The first bucket after the change, and the buckets that are as credible."""

    bucket: int
    earliest: int
    latest: int
    statistic: float
    """Twice the log likelihood ratio of the best split against none."""
    p_value: float


def change_point(
    counts: ArrayLike, rng: np.random.Generator, resamples: int = RESAMPLES
) -> ChangePoint | None:
    """Find the split of *counts* (buckets, bins) that parts them best.

    Two multinomials against one, by likelihood ratio over every split (Csorgo and
    Horvath, Limit Theorems in Change-Point Analysis, 1997). The p-value compares the
    maximum with that of tables drawn with the same totals of buckets and bins,
    (k + 1) / (N + 1). None with fewer than two buckets that have rows.
    """
    table = np.asarray(counts, dtype=np.int64)
    table = table.reshape(table.shape[0], -1)
    filled = np.flatnonzero(table.sum(axis=1))
    if filled.size < 2:
        return None
    table = table[filled][:, table.sum(axis=0) > 0]
    ratios = _ratios(table[None])[0]
    best = int(ratios.argmax())
    statistic = float(ratios[best])
    # whole buckets change places: what is alike within one stays together
    order = np.array([rng.permutation(len(table)) for _ in range(resamples)])
    drawn = np.array([_ratios(table[o][None])[0].max() for o in order])
    p_value = (int((drawn >= statistic * (1 - 1e-9)).sum()) + 1) / (resamples + 1)
    credible = np.flatnonzero(ratios >= statistic - _DROP)
    return ChangePoint(
        bucket=int(filled[best + 1]),
        earliest=int(filled[credible[0] + 1]),
        latest=int(filled[credible[-1] + 1]),
        statistic=statistic,
        p_value=p_value,
    )


def _ratios(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 2 log likelihood ratio of every split (tables, buckets - 1)."""
    before = np.cumsum(tables, axis=1)[:, :-1].astype(np.float64)
    total = tables.sum(axis=1)[:, None, :].astype(np.float64)
    after = total - before
    return np.maximum(
        2 * (_likelihood(before) + _likelihood(after) - _likelihood(total)), 0.0
    )


def _likelihood(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sum c ln(c / n): the multinomial log likelihood at its maximum."""
    from scipy.special import xlogy

    n = counts.sum(axis=-1)
    return xlogy(counts, counts).sum(axis=-1) - xlogy(n, n)
