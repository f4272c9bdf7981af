"""PPV and NPV at a stated prevalence, so that periods and sites can be compared.

A predictive value moves with the prevalence alone; restated at the prevalence of the
reference, what still moves is the test itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from algovigil.statistics.estimate import Estimate, quantile, unknown

if TYPE_CHECKING:
    from algovigil.statistics.confusion import Confusion


def at_prevalence(
    table: Confusion, prevalence: float, confidence: float = 0.95
) -> tuple[Estimate, Estimate]:
    """Return (ppv, npv) by Bayes' rule from sensitivity and specificity.

    Intervals by the delta method on the logit (Mercaldo, Lau and Zhou, Statistics in
    Medicine 2007); a cell of 0 gets the half that makes the logit finite, in both its
    rows.

    Raises:
        ValueError: *prevalence* is not within (0, 1).
    """
    if not 0 < prevalence < 1:
        raise ValueError("found: a prevalence outside (0, 1); expected: such as 0.1")
    tp, fp, fn, tn = table.tp, table.fp, table.fn, table.tn
    sick, well = tp + fn, fp + tn
    n = round(float(sick + well))
    if not sick or not well:
        return unknown(n), unknown(n)
    half = 0.5 if 0.0 in (tp, fp, fn, tn) else 0.0
    sens = (tp + half) / (sick + 2 * half)
    spec = (tn + half) / (well + 2 * half)
    sick, well = sick + 2 * half, well + 2 * half
    odds = prevalence / (1 - prevalence)
    z = quantile(confidence)
    ppv = _on_logit(
        sens * odds / (1 - spec), (1 - sens) / sens / sick + spec / (1 - spec) / well, z
    )
    npv = _on_logit(
        spec / odds / (1 - sens), sens / (1 - sens) / sick + (1 - spec) / spec / well, z
    )
    return Estimate(*ppv, n), Estimate(*npv, n)


def _on_logit(odds: float, variance: float, z: float) -> tuple[float, float, float]:
    centre, half = np.log(odds), z * np.sqrt(variance)
    value, lower, upper = (
        float(1 / (1 + np.exp(-x))) for x in (centre, centre - half, centre + half)
    )
    return value, lower, upper
