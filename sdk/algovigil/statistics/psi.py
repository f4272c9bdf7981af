"""Population stability index on bins that the reference pinned once.

Bins are never taken from the current data, so that one wild value cannot hide a
shift; missing and infinite values, and those outside a discrete range, are bins of
their own. Raw counts are the currency: they merge by addition over time and sites.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK, Status

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BINS = 10
MAX_LEVELS = 20
"""A reference with at most this many values is discrete: each value has its bin."""
ROWS_PER_LEVEL = 5
"""Fewer rows than this for each level are too few to call a sample discrete."""


@dataclass(frozen=True, slots=True)
class PsiResult:
    """The index, its chi-square p-value and bound, and the raw counts behind it."""

    statistic: float | None
    p_value: float | None
    bound: float | None
    """Above this the index is not explained by chance at level alpha."""
    reference_counts: tuple[int, ...]
    current_counts: tuple[int, ...]
    bins: int
    """Bins that either side uses; bins empty on both sides say nothing."""
    n_zero_bins: int
    """Used bins that one side leaves empty."""
    status: Status


def quantile_edges(
    values: ArrayLike,
    bins: int = BINS,
    max_levels: int = MAX_LEVELS,
    valid: tuple[float, float] | None = None,
) -> NDArray[np.float64]:
    """Return the ascending bin edges (k+1,) that pin the finite *values* (n,).

    Bin i is [edges[i], edges[i+1]). A continuous reference is cut at its quantiles,
    ties collapsed, and its outer bins are open: that some later values lie beyond n
    earlier ones is expected (2/(n+1) of them). A discrete reference gets one bin for
    each value and closed ends. A *valid* range, such as a physiological one, closes
    the ends at its bounds instead, both included. No finite value gives no edges.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    finite = array[np.isfinite(array)]
    if valid is not None:
        finite = finite[(finite >= valid[0]) & (finite <= valid[1])]
    if not finite.size:
        return np.empty(0)
    levels = np.unique(finite)
    is_discrete = levels.size <= max_levels
    if is_discrete and finite.size >= ROWS_PER_LEVEL * levels.size and valid is None:
        with np.errstate(over="ignore"):  # after the largest float comes infinity
            return np.append(levels, np.nextafter(levels[-1], np.inf))
    shares = np.arange(1, bins) / bins
    cuts = np.unique(np.quantile(finite, shares, method="inverted_cdf"))
    if valid is None:
        return np.concatenate([[-np.inf], cuts, [np.inf]])
    inner = cuts[(cuts > valid[0]) & (cuts <= valid[1])]
    with np.errstate(over="ignore"):
        return np.concatenate([[valid[0]], inner, [np.nextafter(valid[1], np.inf)]])


def bin_counts(
    values: ArrayLike, edges: NDArray[np.float64], missing: int = 0
) -> NDArray[np.int64]:
    """Count *values* (n,) into (len(edges) + 3,) bins.

    The order is: below the range, the bins between *edges*, above the range, missing
    (NaN in *values*, plus *missing* that were never values), infinite. Without edges
    all finite values share the first bin.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    finite = array[np.isfinite(array)]
    where = np.searchsorted(edges, finite, side="right")
    absent = int(np.isnan(array).sum())
    infinite = array.size - finite.size - absent
    inner = np.bincount(where, minlength=len(edges) + 1)
    return np.append(inner, [absent + missing, infinite]).astype(np.int64)


def psi(
    reference_counts: ArrayLike, current_counts: ArrayLike, alpha: float = 0.05
) -> PsiResult:
    """Compare two vectors of counts (B,) over the same bins.

    PSI = sum (q - p) ln(q / p) with p = (c + 1/2) / (n + B/2) on both sides
    (Jeffreys), over the B bins that are not empty on both. Under no shift
    PSI / (1/n + 1/m) is chi-square with B - 1 degrees of freedom (Yurdakul and
    Naranjo, J. Risk Model Validation 2020), which gives the p-value and the bound.
    """
    before = np.asarray(reference_counts, dtype=np.int64).ravel()
    after = np.asarray(current_counts, dtype=np.int64).ravel()
    kept = (tuple(before.tolist()), tuple(after.tolist()))
    used = (before + after) > 0
    bins = int(used.sum())
    zeros = int((used & ((before == 0) | (after == 0))).sum())
    n, m = int(before.sum()), int(after.sum())
    if not n or not m:
        return PsiResult(None, None, None, *kept, bins, zeros, INSUFFICIENT)
    p = (before[used] + 0.5) / (n + 0.5 * bins)
    q = (after[used] + 0.5) / (m + 0.5 * bins)
    index = float(((q - p) * np.log(q / p)).sum())
    p_value, bound = _chi_square_bound(index, bins - 1, 1 / n + 1 / m, alpha)
    return PsiResult(index, p_value, bound, *kept, bins, zeros, OK)


def _chi_square_bound(
    index: float, freedom: int, scale: float, alpha: float
) -> tuple[float, float]:
    if not freedom:
        return 1.0, 0.0  # one bin holds everything on both sides
    from scipy.special import chdtrc, chdtri

    return float(chdtrc(freedom, index / scale)), float(chdtri(freedom, alpha)) * scale
