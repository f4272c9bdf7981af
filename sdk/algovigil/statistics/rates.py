"""Has a rate changed: of missing values, of values out of range, of unseen levels?

Two binomial samples, both random; the difference comes with its interval, and where
neither side has a single event there is nothing to test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from algovigil.statistics import INSUFFICIENT, OK, Status
from algovigil.statistics.chi_square import chi_square
from algovigil.statistics.proportions import newcombe_difference

if TYPE_CHECKING:
    from algovigil.statistics.proportions import Interval


@dataclass(frozen=True, slots=True)
class RateChange:
    """The current rate minus that of the reference; None under `insufficient_data`."""

    difference: float | None
    p_value: float | None
    """None also when no row of either side has the event: its margin decides that."""
    interval: Interval | None
    """Of the difference, at 95 % (Newcombe 1998)."""
    status: Status


def rate_change(reference: tuple[int, int], current: tuple[int, int]) -> RateChange:
    """Compare two (events, rows): chi-square, or Fisher's exact test when sparse.

    A table whose margin has no event cannot reject at any level, so it gives no
    p-value and costs the other tests of its family nothing (Tarone, Biometrics 1990).
    """
    (before, n), (after, m) = reference, current
    if not n or not m:
        return RateChange(None, None, None, INSUFFICIENT)
    difference = after / m - before / n
    interval = newcombe_difference((after, m), (before, n))
    if before + after in (0, n + m):
        return RateChange(0.0, None, interval, OK)
    result = chi_square([before, n - before], [after, m - after])
    return RateChange(difference, result.p_value, interval, OK)
