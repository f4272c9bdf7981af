"""P-values adjusted for the number of questions asked.

Adjusted values keep the order of the raw ones and compare directly with alpha.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return Holm's step-down adjustment of *p_values* (k,) (Scand. J. Stat. 1979).

    The chance of any false rejection is at most alpha, whatever the dependence.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(p.size, 0, -1)
    return _back(order, np.maximum.accumulate(steps))


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return the step-up adjustment of *p_values* (k,) (JRSS B 1995).

    The expected share of false rejections is at most q under positive dependence.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    steps = p[order] * p.size / np.arange(1, p.size + 1)
    return _back(order, np.minimum.accumulate(steps[::-1])[::-1])


def _checked(p_values: ArrayLike) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64).ravel()
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("found: a p-value outside [0, 1]; expected: none missing")
    return p


def _back(
    order: NDArray[np.intp], adjusted: NDArray[np.float64]
) -> NDArray[np.float64]:
    result = np.empty_like(adjusted)
    result[order] = np.minimum(adjusted, 1.0)
    return result
