"""Does a risk of 20 % mean 20 %? Calibration in the large, its slope, Brier, ECE.

The hierarchy is that of Van Calster et al. (J. Clin. Epidemiol. 2016); ECE comes with
what it would be by chance alone, because it is biased upwards in small samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from algovigil.statistics.estimate import (
    Estimate,
    around,
    effective_size,
    unknown,
    usable,
)
from algovigil.statistics.poisson import garwood
from algovigil.statistics.proportions import wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BINS: Final = 10
_EDGE: Final = 1e-9  # logits of 0 and 1 are infinite


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability diagram: mean risk against the observed share."""

    predicted: float
    observed: float
    lower: float
    upper: float
    n: int


@dataclass(frozen=True, slots=True)
class Ece:
    """The expected calibration error beside what chance alone gives."""

    value: float | None
    null: float | None
    """Its expectation for a perfectly calibrated model on the same risks."""
    null_95: float | None
    """What a perfectly calibrated model exceeds one time in twenty."""
    p_value: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Recalibration:
    """Logistic recalibration: intercept at slope 1, the slope, and a joint test."""

    intercept: Estimate
    """0 is right on average; above 0 risks are too low."""
    slope: Estimate
    """1 is right; below 1 risks are too extreme."""
    p_value: float | None
    """Likelihood ratio of both together, chi-square with 2 degrees (Cox 1958)."""


def brier(
    risks: ArrayLike,
    positive: ArrayLike,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Return the mean squared error of *risks* (n,) (Brier 1950), normal interval."""
    p, y, w = _rows(risks, positive, weights)
    size = effective_size(w)
    if size < 2:
        return unknown(p.size)
    loss = (p - y) ** 2
    value = float(np.average(loss, weights=w))
    error = float(np.sqrt(np.average((loss - value) ** 2, weights=w) / (size - 1)))
    return around(value, error, p.size, confidence, (0.0, 1.0))


def brier_skill(
    risks: ArrayLike, positive: ArrayLike, weights: ArrayLike | None = None
) -> float | None:
    """Return 1 - Brier / Brier of the prevalence; None for one class."""
    p, y, w = _rows(risks, positive, weights)
    if not p.size or y.min() == y.max():
        return None
    prevalence = float(np.average(y, weights=w))
    loss = float(np.average((p - y) ** 2, weights=w))
    return 1 - loss / (prevalence * (1 - prevalence))


def in_the_large(
    risks: ArrayLike,
    positive: ArrayLike,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Return observed over expected events, with the exact Poisson interval."""
    p, y, w = _rows(risks, positive, weights)
    expected = float((w * p).sum())
    if not p.size or not expected > 0:
        return unknown(p.size)
    # a weighted sum of events has the spread of this many whole events
    scale = effective_size(w) / float(w.sum())
    observed = float((w * y).sum())
    rate = garwood(observed * scale, expected * scale, confidence)
    return Estimate(observed / expected, rate.lower, rate.upper, p.size)


def recalibrate(
    risks: ArrayLike,
    positive: ArrayLike,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Recalibration:
    """Fit logit P(y) = a + b logit(risk); each figure with its Wald interval.

    One class, constant risks or perfect separation have no finite fit: `unknown`.
    """
    p, y, w = _rows(risks, positive, weights)
    nothing = Recalibration(unknown(p.size), unknown(p.size), None)
    if p.size < 3 or y.min() == y.max():
        return nothing
    p = np.clip(p, _EDGE, 1 - _EDGE)
    offset = np.log(p / (1 - p))
    w = w * effective_size(w) / w.sum()
    ones = np.ones_like(offset)
    flat = logistic(ones[:, None], y, w, offset)
    both = logistic(np.column_stack([ones, offset]), y, w, np.zeros_like(offset))
    if flat is None:
        return nothing
    intercept = around(float(flat[0][0]), float(flat[1][0, 0] ** 0.5), p.size)
    if both is None:
        return Recalibration(intercept, unknown(p.size), None)
    from scipy.special import chdtrc

    gain = 2 * (_likelihood(y, w, both[2]) - _likelihood(y, w, offset))
    return Recalibration(
        intercept=intercept,
        slope=around(
            float(both[0][1]), float(both[1][1, 1] ** 0.5), p.size, confidence
        ),
        p_value=float(chdtrc(2, max(gain, 0.0))),
    )


def reliability(
    risks: ArrayLike,
    positive: ArrayLike,
    weights: ArrayLike | None = None,
    bins: int = BINS,
    confidence: float = 0.95,
) -> list[Bin]:
    """Return bins of about equally many cases, with Wilson's intervals.

    Equal risks are never torn apart, so there may be fewer than *bins*.
    """
    p, y, w = _rows(risks, positive, weights)
    found = []
    for part in equal_bins(p, bins):
        size = effective_size(w[part])
        share = min(float(np.average(y[part], weights=w[part])), 1.0)
        interval = wilson(share * size, size, confidence)
        assert interval is not None, "no bin is empty"
        mean = float(np.average(p[part], weights=w[part]))
        found.append(Bin(mean, share, interval.lower, interval.upper, part.size))
    return found


def ece(
    risks: ArrayLike,
    positive: ArrayLike,
    weights: ArrayLike | None = None,
    bins: int = BINS,
    rng: np.random.Generator | None = None,
    draws: int = 2000,
) -> Ece:
    """Return the mean gap between risk and observed share, over equal-count bins.

    The null is drawn from the normal limit of each bin's mean under y ~ Bernoulli(p).
    """
    p, y, w = _rows(risks, positive, weights)
    if not p.size:
        return Ece(None, None, None, None, 0)
    parts = equal_bins(p, bins)
    shares = np.array([w[part].sum() for part in parts]) / w.sum()
    gaps = np.array([np.average((y - p)[part], weights=w[part]) for part in parts])
    value = float((shares * np.abs(gaps)).sum())
    variance = [
        (w[part] ** 2 * p[part] * (1 - p[part])).sum() / w[part].sum() ** 2
        for part in parts
    ]
    rng = rng or np.random.default_rng(0)
    noise = np.abs(rng.standard_normal((draws, len(parts)))) * np.sqrt(variance)
    null = noise @ shares
    above = int((null >= value).sum())
    return Ece(
        value=value,
        null=float(null.mean()),
        null_95=float(np.quantile(null, 0.95)),
        p_value=(above + 1) / (draws + 1),
        n=p.size,
    )


def _rows(
    risks: ArrayLike, positive: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return usable rows; what is no risk, outside [0, 1], takes no part."""
    given = np.ones(np.size(risks)) if weights is None else weights
    p, y, w = usable(risks, positive, given)
    kept = (p >= 0) & (p <= 1) & (w > 0)
    return p[kept], (y[kept] > 0).astype(np.float64), w[kept]


def equal_bins(p: NDArray[np.float64], bins: int) -> list[NDArray[np.intp]]:
    """Return the rows of each of about *bins* bins of *p*, in order; ties in one."""
    if not p.size:
        return []
    order = np.argsort(p, kind="stable")
    ordered = p[order]
    cuts = np.searchsorted(ordered, ordered[np.arange(1, bins) * p.size // bins])
    cuts = np.unique(cuts[(cuts > 0) & (cuts < p.size)])
    return np.split(order, cuts)


_Fit = tuple["NDArray[Any]", "NDArray[Any]", "NDArray[Any]"]


def expit(eta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of log-odds *eta*, whatever their size."""
    found: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(eta, -500, 500)))
    return found


def logistic(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    w: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> _Fit | None:
    """Return coefficients (k,), their covariance and the linear predictor (n,).

    Newton's method on *x* (n, k), labels *y*, weights *w*; None where the maximum is
    not finite (separated classes) or not single (collinear columns).
    """
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        eta = offset + x @ beta
        mu = expit(eta)
        information = (x * (w * mu * (1 - mu))[:, None]).T @ x
        try:
            covariance = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            return None
        step = covariance @ (x.T @ (w * (y - mu)))
        if not np.isfinite(step).all() or np.abs(beta).max() > 1e3:
            return None
        # a step from far away may overshoot
        beta = beta + step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < 1e-9:
            return beta, covariance, offset + x @ beta
    return None


def _likelihood(
    y: NDArray[np.float64], w: NDArray[np.float64], eta: NDArray[np.float64]
) -> float:
    return float((w * (y * eta - np.logaddexp(0.0, eta))).sum())
