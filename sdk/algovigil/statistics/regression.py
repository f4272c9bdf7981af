"""Errors of predicted numbers: bias, mean absolute error, RMSE, R squared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from algovigil.statistics.estimate import (
    Estimate,
    around,
    effective_size,
    unknown,
    usable,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def errors(
    predicted: ArrayLike,
    actual: ArrayLike,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """Return bias, mae, rmse and r_squared of *predicted* (n,) against *actual* (n,).

    Intervals are those of a mean; of RMSE the root of the mean square's; of R squared
    by the delta method. Rows that are not finite take no part; fewer than 3 are
    `insufficient_data`.
    """
    given = np.ones(np.size(predicted)) if weights is None else weights
    x, y, w = usable(predicted, actual, given)
    size = effective_size(w)
    names = ("bias", "mae", "rmse", "r_squared")
    if size < 3:
        return {name: unknown(x.size) for name in names}
    gap = x - y
    mse = _mean(gap**2, w, size, confidence)
    root = Estimate(_root(mse.value), _root(mse.lower), _root(mse.upper), x.size)
    return {
        "bias": _mean(gap, w, size, confidence),
        "mae": _mean(np.abs(gap), w, size, confidence),
        "rmse": root,
        "r_squared": _r_squared(gap, y, w, size, confidence),
    }


def _root(square: float | None) -> float | None:
    return None if square is None else max(square, 0.0) ** 0.5


def _mean(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    size: float,
    confidence: float,
) -> Estimate:
    mean = float(np.average(values, weights=weights))
    spread = float(np.average((values - mean) ** 2, weights=weights))
    return around(mean, (spread / (size - 1)) ** 0.5, values.size, confidence)


def _r_squared(
    gap: NDArray[np.float64],
    y: NDArray[np.float64],
    w: NDArray[np.float64],
    size: float,
    confidence: float,
) -> Estimate:
    """Return 1 - residual / total variance; its error by the delta method."""
    centred = y - np.average(y, weights=w)
    total = float(np.average(centred**2, weights=w))
    if not total > 0:
        return unknown(y.size)
    ratio = float(np.average(gap**2, weights=w)) / total
    influence = (gap**2 - ratio * centred**2) / total
    spread = float(np.average(influence**2, weights=w))
    return around(
        1 - ratio, (spread / (size - 1)) ** 0.5, y.size, confidence, (-np.inf, 1.0)
    )
