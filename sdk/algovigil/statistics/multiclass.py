"""More than two classes: agreement, per-class rates, macro averages, kappa."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from algovigil.statistics.confusion import Confusion
from algovigil.statistics.estimate import Estimate, around, unknown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def one_against_rest(counts: ArrayLike, label: int) -> Confusion:
    """Return the 2 x 2 table of class *label* out of *counts* (K, K), truth by row."""
    table = np.asarray(counts, dtype=np.float64)
    tp = float(table[label, label])
    fn, fp = float(table[label].sum()) - tp, float(table[:, label].sum()) - tp
    return Confusion(tp, fp, fn, float(table.sum()) - tp - fp - fn)


def macro_sensitivity(counts: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the mean sensitivity over the classes that have cases (balanced accuracy).

    Classes are independent strata, so the variances of their rates add; each is
    Agresti and Coull's, which is not 0 at a rate of 0 or 1.
    """
    table = np.asarray(counts, dtype=np.float64)
    cases = table.sum(axis=1)
    hit = np.diag(table)[cases > 0]
    cases = cases[cases > 0]
    n = round(float(table.sum()))
    if cases.size < 2:
        return unknown(n)
    softened = (hit + 2) / (cases + 4)
    error = np.sqrt((softened * (1 - softened) / (cases + 4)).sum()) / cases.size
    return around(float((hit / cases).mean()), float(error), n, confidence, (0.0, 1.0))


def macro_f1(counts: ArrayLike) -> float | None:
    """Return the mean F1 over classes that are true or predicted at least once."""
    table = np.asarray(counts, dtype=np.float64)
    union = table.sum(axis=0) + table.sum(axis=1)
    present = union > 0
    if present.sum() < 2:
        return None
    return float((2 * np.diag(table)[present] / union[present]).mean())


def kappa(counts: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return Cohen's kappa; its variance is that of Fleiss, Cohen and Everitt (1969).

    One class alone, where agreement cannot exceed chance, is `insufficient_data`.
    """
    table = np.asarray(counts, dtype=np.float64)
    total = float(table.sum())
    if not total:
        return unknown()
    p = table / total
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    agree, chance = float(np.trace(p)), float(rows @ columns)
    if chance >= 1:
        return unknown(round(total))
    value = (agree - chance) / (1 - chance)
    sums = rows[None, :] + columns[:, None]
    on = np.diag(p) * (1 - np.diag(sums) * (1 - value)) ** 2
    off = p * sums**2 * (1 - value) ** 2
    np.fill_diagonal(off, 0.0)
    inner = float(on.sum() + off.sum() - (value - chance * (1 - value)) ** 2)
    error = np.sqrt(max(inner, 0.0) / total) / (1 - chance)
    return around(value, float(error), round(total), confidence, (-1.0, 1.0))
