"""Are these cases of a kind that the reference has seen?

A classifier learns to tell current cases from the reference. Cases may come more often
from one corner than they did (another case-mix), and an estimate made on the
reference still holds; where the reference has next to nothing it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK, Status
from algovigil.statistics.auroc import auroc
from algovigil.statistics.proportions import wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MIN_ROWS: Final = 50
"""Fewest cases of each side: under it the classifier knows nothing."""
_FOLDS: Final = 3
_RIDGE: Final = 1.0
_RARE: Final = 0.01
_MOST_SQUARES: Final = 64  # features whose squares take part: spread can shift too
_CLIP: Final = 8.0  # spreads of the reference; one wild value must not rule the fit


@dataclass(frozen=True, slots=True)
class Support:
    """How much of the current cases lies where the reference hardly reaches."""

    outside: float | None
    """Share of current cases that look less like the reference than 99 % of it."""
    lower: float | None
    upper: float | None
    domain_auroc: float | None
    """0.5: nobody can tell them apart; 1: they have nothing in common."""
    n_reference: int
    n_current: int
    status: Status


def support(
    reference: ArrayLike, current: ArrayLike, rng: np.random.Generator
) -> Support:
    """Compare cases, *reference* (n, k) and *current* (m, k), NaN where missing.

    Every case is judged by a ridge logistic regression on values and their squares
    that was not fitted on it (three folds). Under no change 1 % are outside; a mix
    whose density ratio to the reference is at most r has at most r % outside.
    """
    x, y = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    n, m = x.shape[0], y.shape[0]
    if min(n, m) < MIN_ROWS or not x.shape[1]:
        return Support(None, None, None, None, n, m, INSUFFICIENT)
    both = _columns(x, y)
    side = np.concatenate([np.zeros(n), np.ones(m)])
    odds = np.empty(n + m)
    fold = np.concatenate([rng.permutation(n) % _FOLDS, rng.permutation(m) % _FOLDS])
    for k in range(_FOLDS):
        train = fold != k
        odds[~train] = both[~train] @ _fit(both[train], side[train])
    edge = np.quantile(odds[:n], 1 - _RARE)
    outside = int((odds[n:] > edge).sum())
    interval = wilson(outside, m)
    assert interval is not None, "there are current cases"
    return Support(
        outside=outside / m,
        lower=interval.lower,
        upper=interval.upper,
        domain_auroc=auroc(odds, side).value,
        n_reference=n,
        n_current=m,
        status=OK,
    )


def _columns(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an intercept, values in spreads of the reference, squares, missingness."""
    both = np.vstack([x, y])
    both[~np.isfinite(both)] = np.nan
    absent = np.isnan(both)
    known = np.ma.masked_array(both[: x.shape[0]], absent[: x.shape[0]])
    centre = np.ma.mean(known, axis=0).filled(0.0)
    spread = np.ma.std(known, axis=0).filled(0.0)
    # what was constant is not of any scale; a change in it counts in its own units
    spread[spread <= 1e-12 * np.maximum(np.abs(centre), 1.0)] = 1.0
    z = np.where(absent, 0.0, np.clip((both - centre) / spread, -_CLIP, _CLIP))
    parts = [np.ones((both.shape[0], 1)), z]
    if z.shape[1] <= _MOST_SQUARES:
        parts.append(z**2 / _CLIP)
    partly = absent.any(axis=0)
    parts.append(absent[:, partly].astype(np.float64))
    return np.hstack(parts)


def _fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ridge logistic coefficients (k,), classes weighted to equal totals."""
    weight = np.where(y > 0, 0.5 / max(y.mean(), 1e-9), 0.5 / max(1 - y.mean(), 1e-9))
    penalty = np.full(x.shape[1], _RIDGE)
    penalty[0] = 1e-6
    beta = np.zeros(x.shape[1])
    for _ in range(15):
        mu = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        gradient = x.T @ (weight * (y - mu)) - penalty * beta
        bend = (x * (weight * mu * (1 - mu))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(bend, gradient)
        beta += step
        if np.abs(step).max() < 1e-2:  # ranks are settled long before
            break
    return beta
