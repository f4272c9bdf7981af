"""Isotonic calibration: risks out of scores, by pooling adjacent violators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A rising function through knots; flat beyond its ends."""

    knots: NDArray[np.float64]
    risks: NDArray[np.float64]

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the risk of each of *scores* (n,)."""
        found: NDArray[np.float64] = np.interp(
            np.asarray(scores, dtype=np.float64), self.knots, self.risks
        )
        return found


def isotonic(
    scores: ArrayLike, positive: ArrayLike, weights: ArrayLike | None = None
) -> Isotonic:
    """Fit the rising risk of least squared error (Barlow et al. 1972).

    Equal scores are averaged first; between knots it is linear, as in scikit-learn's
    `IsotonicRegression(out_of_bounds="clip")`.

    Raises:
        ValueError: there is no row.
    """
    from scipy.optimize import isotonic_regression

    s = np.asarray(scores, dtype=np.float64)
    y = np.asarray(positive, dtype=np.float64)
    w = np.ones_like(s) if weights is None else np.asarray(weights, dtype=np.float64)
    if not s.size:
        raise ValueError("found: no score; expected: one or more")
    knots, place = np.unique(s, return_inverse=True)
    total = np.bincount(place, w, knots.size)
    mean = np.bincount(place, w * y, knots.size) / total
    fitted = isotonic_regression(mean, weights=total)
    return Isotonic(knots, np.clip(np.asarray(fitted.x), 0.0, 1.0))
