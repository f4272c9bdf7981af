"""A figure with its interval: what every clinical statistic returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK, Status

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, its interval and the number of cases behind it.

    All numbers but `n` are None under `insufficient_data`; none is ever NaN.
    """

    value: float | None
    lower: float | None
    upper: float | None
    n: int
    status: Status = OK


def unknown(n: int = 0) -> Estimate:
    """Return what is said of too few cases."""
    return Estimate(None, None, None, n, INSUFFICIENT)


def around(
    value: float,
    error: float,
    n: int,
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Estimate:
    """Return *value* with the normal interval of standard *error*, within *bounds*."""
    if not (np.isfinite(value) and np.isfinite(error)):
        return unknown(n)
    half = quantile(confidence) * error
    return Estimate(
        float(value),
        float(max(value - half, bounds[0])),
        float(min(value + half, bounds[1])),
        n,
    )


def quantile(confidence: float) -> float:
    """Return z such that a normal variable is within +-z with *confidence*.

    Raises:
        ValueError: *confidence* is not within (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError("found: a confidence outside (0, 1); expected: such as 0.95")
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2))


def effective_size(weights: ArrayLike) -> float:
    """Return Kish's effective sample size, (sum w)^2 / sum w^2 (Survey Sampling 1965).

    Rows that stand for several others tell less than as many rows of their own.
    """
    w = np.asarray(weights, dtype=np.float64)
    squares = float(np.square(w).sum())
    return float(w.sum() ** 2 / squares) if squares else 0.0


def usable(*columns: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """Return *columns* (n,) as floats, without the rows where any is not finite."""
    arrays = [np.asarray(column, dtype=np.float64).ravel() for column in columns]
    kept = np.logical_and.reduce([np.isfinite(array) for array in arrays])
    return tuple(array[kept] for array in arrays)
