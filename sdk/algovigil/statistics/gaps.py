"""Gaps between a subgroup and everyone else, judged as one family.

Subgroups are many and small: without adjustment some always look worse by chance, and
an unadjusted worst subgroup is no finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from algovigil.statistics.chi_square import chi_square
from algovigil.statistics.multiplicity import holm
from algovigil.statistics.proportions import newcombe_difference

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Gap:
    """A subgroup's figure minus everyone else's; None where either is unknown."""

    difference: float | None
    lower: float | None
    upper: float | None
    p_value: float | None


def proportion_gap(
    subgroup: tuple[float, float], rest: tuple[float, float], minimum: int
) -> Gap:
    """Return the gap of two shares, each (successes, trials), unless one is too small.

    Newcombe's hybrid score interval; chi-square or, where sparse, Fisher's test.
    """
    if min(subgroup[1], rest[1]) < max(minimum, 1):
        return Gap(None, None, None, None)
    interval = newcombe_difference(subgroup, rest)
    assert interval is not None, "both sides have trials"
    (a, n), (c, m) = subgroup, rest
    table = np.rint([[a, n - a], [c, m - c]]).astype(int)
    p_value = chi_square(table[0], table[1]).p_value
    return Gap(a / n - c / m, interval.lower, interval.upper, p_value)


def adjusted(gaps: Sequence[Gap]) -> list[float | None]:
    """Return the p-values adjusted over all *gaps* that have one (Holm 1979)."""
    known = [i for i, gap in enumerate(gaps) if gap.p_value is not None]
    found: list[float | None] = [None] * len(gaps)
    values = holm([gaps[i].p_value or 0.0 for i in known])
    for i, value in zip(known, values.tolist(), strict=True):
        found[i] = value
    return found
