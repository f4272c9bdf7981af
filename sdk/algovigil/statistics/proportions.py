"""Intervals for proportions and for the difference of two.

An interval always lies within [0, 1] (a difference within [-1, 1]) and holds the
point estimate; no trials give None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval with a stated confidence."""

    lower: float
    upper: float
    confidence: float = 0.95


def wilson(
    successes: float, trials: float, confidence: float = 0.95
) -> Interval | None:
    """Return Wilson's score interval (JASA 1927), the default for a proportion."""
    _check(successes, trials, confidence)
    if not trials:
        return None
    z2 = _z(confidence) ** 2
    centre = successes + z2 / 2
    half = sqrt(z2 * (successes * (trials - successes) / trials + z2 / 4))
    # exact ends: rounding must not push the interval off 0 or 1
    lower = (centre - half) / (trials + z2) if successes else 0.0
    upper = (centre + half) / (trials + z2) if successes < trials else 1.0
    return Interval(max(lower, 0.0), min(upper, 1.0), confidence)


def clopper_pearson(
    successes: float, trials: float, confidence: float = 0.95
) -> Interval | None:
    """Return the exact interval (Biometrika 1934): coverage is never under nominal."""
    _check(successes, trials, confidence)
    if not trials:
        return None
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    lower, upper = 0.0, 1.0
    if successes:
        lower = float(betaincinv(successes, trials - successes + 1, tail))
    if successes < trials:
        upper = float(betaincinv(successes + 1, trials - successes, 1 - tail))
    return Interval(lower, upper, confidence)


def newcombe_difference(
    first: tuple[float, float], second: tuple[float, float], confidence: float = 0.95
) -> Interval | None:
    """Return the interval of p1 - p2; each side is (successes, trials).

    The hybrid score interval, method 10 of Newcombe (Statistics in Medicine 1998).
    """
    one, two = wilson(*first, confidence), wilson(*second, confidence)
    if one is None or two is None:
        return None
    p1, p2 = first[0] / first[1], second[0] / second[1]
    below = sqrt((p1 - one.lower) ** 2 + (two.upper - p2) ** 2)
    above = sqrt((one.upper - p1) ** 2 + (p2 - two.lower) ** 2)
    gap = p1 - p2
    return Interval(max(gap - below, -1.0), min(gap + above, 1.0), confidence)


def _check(successes: float, trials: float, confidence: float) -> None:
    if not 0 <= successes <= trials:
        raise ValueError("found: successes outside 0..trials; expected: a count")
    if not 0 < confidence < 1:
        raise ValueError("found: a confidence outside (0, 1); expected: such as 0.95")


def _z(confidence: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2))
