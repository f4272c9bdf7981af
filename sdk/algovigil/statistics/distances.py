"""Distances between two distributions, each with the p-value of seeing it by chance.

A distance alone has no error rate: between two samples of one distribution it is
never zero, and it shrinks with their sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK, Status

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

RESAMPLES: Final = 199
"""Relabellings of a permutation test: the smallest p-value is 1 / 200."""
MAX_VALUES: Final = 2_000
"""Values of one side that a permutation test reads; more are drawn from uniformly."""


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance and its p-value; both None under `insufficient_data`."""

    statistic: float | None
    p_value: float | None
    status: Status


def jensen_shannon(reference_counts: ArrayLike, current_counts: ArrayLike) -> Distance:
    """Return the Jensen-Shannon distance (base 2, 0..1) of two count vectors (B,).

    d = sqrt(JSD), JSD = H((P + Q) / 2) - (H(P) + H(Q)) / 2 in bits (Lin, IEEE Trans.
    Inf. Theory 1991; Endres and Schindelin 2003). To second order 8 JSD ln 2 is
    sum (p - q)^2 / mean, so under no shift 8 ln 2 d^2 / (1/n + 1/m) is chi-square
    with B - 1 degrees of freedom over the B bins that are not empty on both sides.
    """
    before = np.asarray(reference_counts, dtype=np.float64).ravel()
    after = np.asarray(current_counts, dtype=np.float64).ravel()
    n, m = before.sum(), after.sum()
    if not n or not m:
        return Distance(None, None, INSUFFICIENT)
    used = (before + after) > 0
    p, q = before[used] / n, after[used] / m
    mean = (p + q) / 2
    divergence = max((_relative_entropy(p, mean) + _relative_entropy(q, mean)) / 2, 0.0)
    freedom = int(used.sum()) - 1
    if not freedom:
        return Distance(0.0, 1.0, OK)
    from scipy.special import chdtrc

    p_value = float(chdtrc(freedom, 8 * np.log(2) * divergence / (1 / n + 1 / m)))
    return Distance(float(np.sqrt(divergence)), p_value, OK)


def wasserstein(
    reference: ArrayLike,
    current: ArrayLike,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Distance:
    """Return Wasserstein-1 between two samples (n,), (m,), in reference spreads.

    W1 = integral |F - G| dx, divided by the standard deviation of *reference*, or by
    its interquartile range where that is larger in a normal sample's units (heavy
    tails), with a floor that keeps constants finite. The p-value is that of the
    permutation test, (k + 1) / (N + 1) (Phipson and Smyth 2010), never 0. Only finite
    values take part; at most `MAX_VALUES` a side, drawn uniformly.
    """
    x, y = _finite(reference, rng), _finite(current, rng)
    if not x.size or not y.size:
        return Distance(None, None, INSUFFICIENT)
    pooled = np.concatenate([x, y])
    order = np.argsort(pooled, kind="stable")
    with np.errstate(over="ignore"):
        gaps = np.diff(pooled[order])
    spread = _spread(x, pooled)
    gaps = np.where(np.isfinite(gaps), gaps / spread, np.finfo(float).max)
    labels = np.where(order < x.size, 1 / x.size, -1 / y.size)
    observed = float(_transport(labels[None, :], gaps)[0])
    if observed == 0.0:
        return Distance(0.0, 1.0, OK)
    drawn = _transport(rng.permuted(np.tile(labels, (resamples, 1)), axis=1), gaps)
    # 1e-9: the same relabelling summed in another order counts as equal
    at_least = int((drawn >= observed * (1 - 1e-9)).sum())
    return Distance(observed, (at_least + 1) / (resamples + 1), OK)


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    there = p > 0
    return float((p[there] * np.log2(p[there] / q[there])).sum())


def _finite(values: ArrayLike, rng: np.random.Generator) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64).ravel()
    array = array[np.isfinite(array)]
    if array.size > MAX_VALUES:
        array = rng.choice(array, MAX_VALUES, replace=False)
    return array


def _spread(x: NDArray[np.float64], pooled: NDArray[np.float64]) -> float:
    scale = float(np.abs(pooled).max()) or 1.0
    unit = x / scale  # so that the squares of large values do not overflow
    quartiles = np.quantile(unit, [0.25, 0.75])
    robust = float(quartiles[1] - quartiles[0]) / 1.349  # of a normal distribution
    deviation = float(unit.std())
    spread = min(deviation, robust) if robust else deviation
    return max(spread, 1e-9) * scale


def _transport(
    labels: NDArray[np.float64], gaps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the integral of |F - G| for each row of signed *labels*."""
    height = np.abs(np.cumsum(labels, axis=1)[:, :-1])
    with np.errstate(over="ignore"):
        return np.minimum(height @ gaps, np.finfo(float).max)
