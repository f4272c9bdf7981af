"""What a 2 x 2 confusion table says of a diagnostic test, each with its interval.

Every metric has its own denominator and its own minimum: a sensitivity without
enough diseased is `insufficient_data`, however many healthy there are.
"""

from __future__ import annotations

from dataclasses import dataclass

from algovigil.statistics import INSUFFICIENT, OK, Status
from algovigil.statistics.proportions import wilson

MIN_CLASS = 10
"""Fewest cases of a class that carry a rate, an engineering choice."""
MIN_TOTAL = 20
"""Fewest cases that carry an accuracy."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of predicted against true; no whole numbers where rows have weights."""

    tp: float
    fp: float
    fn: float
    tn: float


@dataclass(frozen=True, slots=True)
class Rate:
    """A proportion with its interval and its counts.

    `value` is None under `insufficient_data`, so that no rule can act on it; the
    interval stays, as long as there is one, because it shows how little is known.
    """

    metric: str
    value: float | None
    lower: float | None
    upper: float | None
    numerator: float
    denominator: float
    status: Status


def rate(
    metric: str,
    numerator: float,
    denominator: float,
    minimum: int,
    confidence: float = 0.95,
) -> Rate:
    """Return *numerator* / *denominator* with Wilson's interval."""
    interval = wilson(numerator, denominator, confidence)
    if interval is None:
        return Rate(metric, None, None, None, numerator, denominator, INSUFFICIENT)
    enough = denominator >= minimum
    return Rate(
        metric,
        numerator / denominator if enough else None,
        interval.lower,
        interval.upper,
        numerator,
        denominator,
        OK if enough else INSUFFICIENT,
    )


def class_rates(
    table: Confusion, min_class: int = MIN_CLASS, confidence: float = 0.95
) -> tuple[Rate, Rate, Rate, Rate]:
    """Return sensitivity, specificity, ppv, npv (Altman and Bland, BMJ 1994)."""
    tp, fp, fn, tn = table.tp, table.fp, table.fn, table.tn
    return (
        rate("sensitivity", tp, tp + fn, min_class, confidence),
        rate("specificity", tn, tn + fp, min_class, confidence),
        rate("ppv", tp, tp + fp, min_class, confidence),
        rate("npv", tn, tn + fn, min_class, confidence),
    )


def diagnostic_rates(
    table: Confusion,
    min_total: int = MIN_TOTAL,
    min_class: int = MIN_CLASS,
    confidence: float = 0.95,
) -> tuple[Rate, ...]:
    """Return diagnostic_accuracy, then the four `class_rates`."""
    right = table.tp + table.tn
    accuracy = rate(
        "diagnostic_accuracy", right, right + table.fp + table.fn, min_total, confidence
    )
    return (accuracy, *class_rates(table, min_class, confidence))
