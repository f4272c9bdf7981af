"""Two arms compared: risk difference, risk ratio, odds ratio, number needed to treat.

What is computed is association. Whether it is an effect depends on how patients came
into the arms, which no figure here can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK, Status
from algovigil.statistics.chi_square import fisher_exact
from algovigil.statistics.estimate import Estimate, quantile, unknown
from algovigil.statistics.proportions import newcombe_difference


@dataclass(frozen=True, slots=True)
class Arm:
    """Patients of one arm, and how many had the result."""

    events: int
    patients: int


@dataclass(frozen=True, slots=True)
class NumberNeeded:
    """Patients to treat for one result more (`value` > 0) or less (< 0).

    Where the risk difference may be 0 its inverse has two branches, to plus and to
    minus infinity (Altman, BMJ 1998): `lower` and `upper` are then the ends nearest
    to 0 of the harmful and the useful branch, and `disjoint` is true: the interval is
    everything *outside* them.
    """

    value: float | None
    lower: float | None
    upper: float | None
    disjoint: bool
    status: Status


@dataclass(frozen=True, slots=True)
class Effects:
    """All contrasts of one arm against another."""

    difference: Estimate
    ratio: Estimate
    odds_ratio: Estimate
    number_needed: NumberNeeded
    p_value: float | None
    """Fisher's exact test, two-sided."""


def effects(arm: Arm, other: Arm, confidence: float = 0.95) -> Effects:
    """Return the contrasts of *arm* against *other*.

    The difference has Newcombe's hybrid score interval (1998), the ratios the log
    intervals of Katz (1978) and Woolf (1955); a cell of 0 gets Haldane and Anscombe's
    half in every cell. An empty arm is `insufficient_data`.
    """
    n = arm.patients + other.patients
    interval = newcombe_difference(
        (arm.events, arm.patients), (other.events, other.patients), confidence
    )
    if interval is None:
        nothing = NumberNeeded(None, None, None, False, INSUFFICIENT)
        return Effects(unknown(n), unknown(n), unknown(n), nothing, None)
    gap = arm.events / arm.patients - other.events / other.patients
    difference = Estimate(gap, interval.lower, interval.upper, n)
    a, b = float(arm.events), float(arm.patients - arm.events)
    c, d = float(other.events), float(other.patients - other.events)
    p_value = fisher_exact([[round(a), round(b)], [round(c), round(d)]])
    if 0 in (a, b, c, d):
        a, b, c, d = a + 0.5, b + 0.5, c + 0.5, d + 0.5
    z = quantile(confidence)
    log_ratio = np.log(a / (a + b)) - np.log(c / (c + d))
    spread = np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    log_odds = np.log(a * d) - np.log(b * c)
    spread_odds = np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return Effects(
        difference=difference,
        ratio=_exponential(log_ratio, z * spread, n),
        odds_ratio=_exponential(log_odds, z * spread_odds, n),
        number_needed=number_needed(difference),
        p_value=p_value,
    )


def number_needed(difference: Estimate) -> NumberNeeded:
    """Return the inverse of a risk *difference* and of its interval."""
    value, lower, upper = difference.value, difference.lower, difference.upper
    if value is None or lower is None or upper is None:
        return NumberNeeded(None, None, None, False, INSUFFICIENT)
    inverse = 1 / value if value else None
    if lower < 0 < upper or not lower or not upper:
        ends = (1 / lower if lower else None, 1 / upper if upper else None)
        return NumberNeeded(inverse, *ends, True, OK)
    return NumberNeeded(inverse, 1 / upper, 1 / lower, False, OK)


def _exponential(centre: float, half: float, n: int) -> Estimate:
    value, lower, upper = (
        float(np.exp(x)) for x in (centre, centre - half, centre + half)
    )
    return Estimate(value, lower, upper, n)
