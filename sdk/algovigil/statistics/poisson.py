"""Rates of events over exposure, with exact intervals."""

from __future__ import annotations

from dataclasses import dataclass

from algovigil.statistics import OK, Status
from algovigil.statistics.proportions import clopper_pearson


@dataclass(frozen=True, slots=True)
class Rate:
    """Events per unit of exposure. Without exposure all numbers are None."""

    value: float | None
    lower: float | None
    upper: float | None
    events: float
    exposure: float
    status: Status = OK


def garwood(events: float, exposure: float, confidence: float = 0.95) -> Rate:
    """Return *events* / *exposure* with the exact interval of Garwood (1936).

    Its ends are chi-square quantiles over 2, so 0 events have an upper end: 3.69 at
    95 %, two-sided.

    Raises:
        ValueError: a count or an exposure below 0.
    """
    if events < 0 or exposure < 0:
        raise ValueError("found: a negative count or exposure; expected: 0 or more")
    if not exposure:
        return Rate(None, None, None, events, exposure, "insufficient_data")
    from scipy.special import gammaincinv

    tail = (1 - confidence) / 2
    lower = float(gammaincinv(events, tail)) if events else 0.0
    upper = float(gammaincinv(events + 1, 1 - tail))
    return Rate(events / exposure, lower / exposure, upper / exposure, events, exposure)


def rate_ratio(
    first: tuple[int, float], second: tuple[int, float], confidence: float = 0.95
) -> Rate:
    """Return the ratio of two rates, each (events, exposure), exact given their sum.

    Given all events, those of the first are binomial (Przyborowski and Wilenski,
    Biometrika 1940). The upper end is infinite, given as None, without events in the
    second.
    """
    (a, time_a), (b, time_b) = first, second
    total = a + b
    interval = clopper_pearson(a, total, confidence)
    if interval is None or not time_a or not time_b:
        return Rate(None, None, None, total, time_a + time_b, "insufficient_data")
    scale = time_b / time_a

    def odds(share: float) -> float | None:
        return scale * share / (1 - share) if share < 1 else None

    return Rate(
        odds(a / total),
        odds(interval.lower),
        odds(interval.upper),
        total,
        time_a + time_b,
    )
