"""Area under the ROC curve with DeLong's variance, and comparisons of two areas.

The placements come from mid-ranks, in O(n log n) (Sun and Xu, IEEE SPL 2014). Both the
positives' and the negatives' variance terms count: without the second the interval is
about a third too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK, Status
from algovigil.statistics.estimate import quantile, usable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Method = Literal["delong", "newcombe", "none"]


@dataclass(frozen=True, slots=True)
class Auroc:
    """An area, its standard error and interval; None under `insufficient_data`."""

    value: float | None
    error: float | None
    lower: float | None
    upper: float | None
    positives: int
    negatives: int
    method: Method
    """`newcombe`: DeLong's variance is 0 or undefined (separation, one case)."""
    status: Status


@dataclass(frozen=True, slots=True)
class Comparison:
    """First minus second, with its interval and two-sided p-value."""

    difference: float | None
    error: float | None
    lower: float | None
    upper: float | None
    p_value: float | None
    status: Status


def auroc(
    scores: ArrayLike,
    positive: ArrayLike,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Auroc:
    """Return the area under the ROC curve of *scores* (n,) for truth *positive* (n,).

    A positive outscores a negative with this probability, ties counting half. The
    variance is S10/m + S01/n (DeLong, Biometrics 1988); the interval is made on the
    logit scale, so that it stays within (0, 1). Each row counts *weights* times. Rows
    with a score that is not finite take no part.
    """
    found = _placements(scores, positive, weights)
    if found is None:
        truth = np.asarray(positive, dtype=bool).ravel()
        counts = int(truth.sum()), int((~truth).sum())
        return Auroc(None, None, None, None, *counts, "none", INSUFFICIENT)
    value, m, n = found.value, found.of_positives.size, found.of_negatives.size
    variance = found.variance()
    if variance is None or variance <= 0 or not 0 < value < 1:
        lower, upper = _newcombe(value, m, n, confidence)
        error = (upper - lower) / (2 * quantile(confidence))
        return Auroc(value, error, lower, upper, m, n, "newcombe", OK)
    error = float(np.sqrt(variance))
    centre = np.log(value / (1 - value))
    half = quantile(confidence) * error / (value * (1 - value))
    lower, upper = (float(1 / (1 + np.exp(-x))) for x in (centre - half, centre + half))
    return Auroc(value, error, lower, upper, m, n, "delong", OK)


def compare_paired(
    first: ArrayLike,
    second: ArrayLike,
    positive: ArrayLike,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two scores of the same cases (n,) by DeLong's covariance."""
    one, two, truth = usable(first, second, positive)
    a, b = _placements(one, truth, None), _placements(two, truth, None)
    if a is None or b is None or min(a.of_positives.size, a.of_negatives.size) < 2:
        return _unknown()
    variance = float(
        np.var(a.of_positives - b.of_positives, ddof=1) / a.of_positives.size
        + np.var(a.of_negatives - b.of_negatives, ddof=1) / a.of_negatives.size
    )
    return _compared(a.value - b.value, variance, np.inf, confidence)


def compare_unpaired(
    first: tuple[ArrayLike, ArrayLike],
    second: tuple[ArrayLike, ArrayLike],
    weights: tuple[ArrayLike | None, ArrayLike | None] = (None, None),
    confidence: float = 0.95,
) -> Comparison:
    """Compare the areas of two independent samples, each (scores, positive).

    The variances add; the reference is t with Satterthwaite's degrees of freedom
    (Biometrics Bulletin 1946) over the four variance terms.
    """
    a = _placements(*first, weights[0])
    b = _placements(*second, weights[1])
    if a is None or b is None:
        return _unknown()
    parts = [*a.parts(), *b.parts()]
    if any(size < 2 for _, size in parts):
        return _unknown()
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / (size - 1) for part, size in parts)
    freedom = variance**2 / spread if spread else np.inf
    return _compared(a.value - b.value, variance, freedom, confidence)


def roc_curve(
    scores: ArrayLike, positive: ArrayLike, weights: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return false and true positive rates (k,) at each distinct score, from 0 to 1."""
    given = np.ones(np.size(scores)) if weights is None else weights
    s, truth, w = usable(scores, positive, given)
    order = np.argsort(-s, kind="stable")
    s, y, w = s[order], truth[order] > 0, w[order]
    last = np.append(s[1:] != s[:-1], True) if s.size else np.zeros(0, dtype=bool)
    true, false = np.cumsum(w * y)[last], np.cumsum(w * ~y)[last]
    if not s.size or not true[-1] or not false[-1]:
        return np.array([0.0, 1.0]), np.array([0.0, 1.0])
    zero = np.zeros(1)
    return (
        np.concatenate([zero, false / false[-1]]),
        np.concatenate([zero, true / true[-1]]),
    )


@dataclass(frozen=True, slots=True)
class _Placed:
    """For each case the share of the other class that it is on the right side of."""

    value: float
    of_positives: NDArray[np.float64]
    of_negatives: NDArray[np.float64]
    weight_positives: NDArray[np.float64]
    weight_negatives: NDArray[np.float64]

    def parts(self) -> list[tuple[float, int]]:
        """Return the variance that each class brings, and its size."""
        sides = (
            (self.of_positives, self.weight_positives),
            (self.of_negatives, self.weight_negatives),
        )
        return [(_mean_variance(v, w, self.value), v.size) for v, w in sides]

    def variance(self) -> float | None:
        if min(self.of_positives.size, self.of_negatives.size) < 2:
            return None
        return sum(part for part, _ in self.parts())


def _mean_variance(
    values: NDArray[np.float64], weights: NDArray[np.float64], mean: float
) -> float:
    size = values.size
    if size < 2:
        return 0.0
    share = weights / weights.sum()
    squares = float((share**2 * (values - mean) ** 2).sum())
    return squares * size / (size - 1)


def _placements(
    scores: ArrayLike, positive: ArrayLike, weights: ArrayLike | None
) -> _Placed | None:
    given = np.ones(np.size(scores)) if weights is None else weights
    s, truth, w = usable(scores, positive, given)
    s, y, w = s[w > 0], truth[w > 0] > 0, w[w > 0]
    pos, neg, w_pos, w_neg = s[y], s[~y], w[y], w[~y]
    if not pos.size or not neg.size:
        return None
    of_pos = _below(pos, neg, w_neg)
    of_neg = 1 - _below(neg, pos, w_pos)
    value = float((of_pos * w_pos).sum() / w_pos.sum())
    return _Placed(value, of_pos, of_neg, w_pos, w_neg)


def _below(
    values: NDArray[np.float64],
    others: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the share of *others* below each of *values*, ties counting half."""
    order = np.argsort(others, kind="stable")
    ladder = np.concatenate([[0.0], np.cumsum(weights[order])])
    ordered = others[order]
    low = ladder[np.searchsorted(ordered, values, side="left")]
    high = ladder[np.searchsorted(ordered, values, side="right")]
    return (low + high) / (2 * ladder[-1])


def _newcombe(value: float, m: int, n: int, confidence: float) -> tuple[float, float]:
    """Return method 5 of Newcombe (Statistics in Medicine 2006): of score type.

    It has a width at an area of 1 as well, where every plug-in variance is 0.
    """
    z = quantile(confidence)
    half = (m + n) / 2 - 1

    def excess(area: float) -> float:
        spread = 1 + half * ((1 - area) / (2 - area) + area / (1 + area))
        return abs(area - value) - z * np.sqrt(area * (1 - area) * spread / (m * n))

    return _root(excess, value, 0.0), _root(excess, value, 1.0)


def _root(excess: object, inside: float, outside: float) -> float:
    assert callable(excess), "a function of the area"
    if excess(outside) <= 0:
        return outside
    for _ in range(60):
        middle = (inside + outside) / 2
        if excess(middle) > 0:
            outside = middle
        else:
            inside = middle
    return outside


def _compared(
    difference: float, variance: float, freedom: float, confidence: float
) -> Comparison:
    from scipy.special import ndtr, stdtr, stdtrit

    if variance <= 0:
        p_value = 1.0 if difference == 0 else 0.0
        return Comparison(difference, 0.0, difference, difference, p_value, OK)
    error = float(np.sqrt(variance))
    ratio = -abs(difference) / error
    endless = not np.isfinite(freedom)
    tail = ndtr(ratio) if endless else stdtr(freedom, ratio)
    reach = (
        quantile(confidence) if endless else stdtrit(freedom, 0.5 + confidence / 2)
    ) * error
    return Comparison(
        difference=difference,
        error=error,
        lower=float(max(difference - reach, -1.0)),
        upper=float(min(difference + reach, 1.0)),
        p_value=float(2 * tail),
        status=OK,
    )


def _unknown() -> Comparison:
    return Comparison(None, None, None, None, None, INSUFFICIENT)
