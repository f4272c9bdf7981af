"""Average precision and F1: how useful the positive calls are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from algovigil.statistics.estimate import (
    Estimate,
    effective_size,
    quantile,
    unknown,
    usable,
)
from algovigil.statistics.proportions import wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from algovigil.statistics.confusion import Confusion


def auprc(
    scores: ArrayLike,
    positive: ArrayLike,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Return the average precision, sum of precision times the rise of recall.

    The interval is the binomial one on the logit scale with the number of positives
    as its size (Boyd, Eng and Page, ECML 2013). One class alone has none.
    """
    given = np.ones(np.size(scores)) if weights is None else weights
    s, y, w = usable(scores, positive, given)
    truth = y > 0
    if not truth.any() or truth.all():
        return unknown(s.size)
    order = np.argsort(-s, kind="stable")
    s, truth, w = s[order], truth[order], w[order]
    last = np.append(s[1:] != s[:-1], True)
    true, called = np.cumsum(w * truth)[last], np.cumsum(w)[last]
    rise = np.diff(np.concatenate([[0.0], true])) / true[-1]
    value = float((rise * true / called).sum())
    size = effective_size(w[truth])
    if not 0 < value < 1:
        interval = wilson(value * size, size, confidence)
        assert interval is not None, "there are positives"
        return Estimate(value, interval.lower, interval.upper, s.size)
    centre = np.log(value / (1 - value))
    half = quantile(confidence) / np.sqrt(size * value * (1 - value))
    lower, upper = (float(1 / (1 + np.exp(-x))) for x in (centre - half, centre + half))
    return Estimate(value, lower, upper, s.size)


def f1(table: Confusion, confidence: float = 0.95) -> Estimate:
    """Return F1 = 2 J / (1 + J), where J = TP / (TP + FP + FN).

    J is a proportion of the cases that are positive or called so; its Wilson interval
    goes through the same rising function (Takahashi et al., Applied Intelligence 2022
    discuss others).
    """
    union = table.tp + table.fp + table.fn
    interval = wilson(table.tp, union, confidence)
    if interval is None:
        return unknown(round(union + table.tn))
    value, lower, upper = (
        2 * j / (1 + j) for j in (table.tp / union, interval.lower, interval.upper)
    )
    return Estimate(value, lower, upper, round(union + table.tn))
