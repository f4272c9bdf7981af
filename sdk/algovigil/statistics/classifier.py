"""Can a classifier tell the current rows from those of the reference?

The multivariate test: it sees shifts that no single feature shows, such as a lost
correlation. A ridge logistic regression in numpy, so that it is there wherever the
processor is; embeddings and the summaries of images are columns like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK, Status

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_TERMS: Final = 200
"""Columns of the regression: features, their squares, then products of pairs."""
MAX_ROWS: Final = 4_000
"""Rows of one side that are read; more are drawn from uniformly."""
_RIDGE: Final = 1.0
_NEWTON_STEPS: Final = 8


@dataclass(frozen=True, slots=True)
class DomainResult:
    """AUROC of reference against current on rows not trained on, and its p-value."""

    auroc: float | None
    p_value: float | None
    n_reference: int
    n_current: int
    status: Status


def domain_classifier(
    reference: ArrayLike,
    current: ArrayLike,
    rng: np.random.Generator,
    min_samples: int = 20,
) -> DomainResult:
    """Train on one half of *reference* (n, k) and *current* (m, k), test on the other.

    Under no shift the held-out scores of both sides have one distribution whatever
    was learned, so that the one-sided Mann-Whitney test of them has its nominal level
    (Lopez-Paz and Oquab, ICLR 2017). Missing and infinite values become a column of
    their own. The p-value takes the tie-corrected normal approximation.
    """
    x, y = _rows(reference, rng), _rows(current, rng)
    n, m = len(x), len(y)
    if min(n, m) < 2 * min_samples or not x.shape[1]:
        return DomainResult(None, None, n, m, INSUFFICIENT)
    rows = np.concatenate([x, y])
    is_current = np.concatenate([np.zeros(n), np.ones(m)])
    train = np.zeros(n + m, dtype=bool)
    train[rng.permutation(n)[: n // 2]] = True
    train[n + rng.permutation(m)[: m // 2]] = True
    terms = _terms(rows, train, rng)
    weights = _fit(terms[train], is_current[train])
    scores = terms[~train] @ weights
    auroc, p_value = mann_whitney(
        scores[is_current[~train] == 0], scores[is_current[~train] == 1]
    )
    return DomainResult(auroc, p_value, n, m, OK)


def mann_whitney(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return P(y > x) + P(y = x) / 2, and the one-sided p-value that it is chance.

    Mann and Whitney (Ann. Math. Stat. 1947), with the variance corrected for ties.
    """
    from scipy.special import ndtr
    from scipy.stats import rankdata

    n, m = len(x), len(y)
    ranks = rankdata(np.concatenate([x, y]))
    auroc = (ranks[n:].sum() - m * (m + 1) / 2) / (n * m)
    _, ties = np.unique(ranks, return_counts=True)
    total = n + m
    correction = float(((ties.astype(float) ** 3) - ties).sum()) / (total * (total - 1))
    variance = (total + 1 - correction) / (12 * n * m)
    if variance <= 0:
        return 0.5, 1.0
    return float(auroc), float(ndtr(-(auroc - 0.5) / np.sqrt(variance)))


def _rows(values: ArrayLike, rng: np.random.Generator) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if len(array) > MAX_ROWS:
        array = array[rng.permutation(len(array))[:MAX_ROWS]]
    return array


def _terms(
    rows: NDArray[np.float64], train: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return standardised columns, their squares, pairs, and what was missing."""
    absent = ~np.isfinite(rows)
    with np.errstate(invalid="ignore"):
        clean = np.where(absent, np.nan, rows)
    # ranks of the training rows: one wild value must not flatten the others
    unit = np.column_stack([_normal(column, train) for column in clean.T])
    width = unit.shape[1]
    some = absent.any(axis=0) & ~absent.all(axis=0)
    parts = [np.ones((len(rows), 1)), unit, absent[:, some].astype(float)]
    if 2 * width <= MAX_TERMS:
        parts.append(unit**2 - 1)
        first, second = np.triu_indices(width, 1)
        room = min(MAX_TERMS - 2 * width, len(first))
        if room > 0:
            picked = rng.permutation(len(first))[:room]
            parts.append(unit[:, first[picked]] * unit[:, second[picked]])
    return np.hstack(parts)


def _normal(
    column: NDArray[np.float64], train: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return *column* as normal scores of its place among the training values."""
    from scipy.special import ndtri

    known = np.sort(column[train & ~np.isnan(column)])
    if not known.size:
        return np.zeros(column.size)
    below = np.searchsorted(known, column, side="left")
    upto = np.searchsorted(known, column, side="right")
    place = ((below + upto) / 2 + 0.5) / (known.size + 1)
    return np.where(np.isnan(column), 0.0, ndtri(np.clip(place, 1e-6, 1 - 1e-6)))


def _fit(
    terms: NDArray[np.float64], is_current: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ridge logistic weights by Newton's method, sides weighted alike."""
    from scipy.special import expit

    share = is_current.mean()
    cost = np.where(is_current == 1, 0.5 / share, 0.5 / (1 - share))
    weights = np.zeros(terms.shape[1])
    penalty = np.full(terms.shape[1], _RIDGE * terms.shape[1] ** 0.5)
    penalty[0] = 1e-6  # the constant is not shrunk
    for _ in range(_NEWTON_STEPS):
        chance = expit(terms @ weights)
        gradient = terms.T @ (cost * (chance - is_current)) + penalty * weights
        curve = cost * chance * (1 - chance)
        hessian = (terms * curve[:, None]).T @ terms + np.diag(penalty)
        weights -= np.linalg.solve(hessian, gradient)
    return weights
