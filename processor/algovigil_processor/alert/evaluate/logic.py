"""Judge a condition: true, false, or unknown with a reason. Kleene's logic.

What is missing, too old, too little or no number is unknown; unknown is never false,
so that no alert ends because its data went away.

Kleene, S. C. (1938), On notation for ordinal numbers, section on partial predicates.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from algovigil_processor.alert.rules.check import apply
from algovigil_processor.alert.rules.tree import (
    Arithmetic,
    Comparison,
    Every,
    Expr,
    MetricRef,
    Negative,
    Not,
    Number,
    Some,
    metrics,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Reason: TypeAlias = Literal[
    "",  # known
    "missing",  # no row in the window
    "insufficient_data",  # the analysis could not judge
    "low_n",  # fewer samples than `alerts.min_samples`
    "not_a_number",  # NaN, infinity, NULL, or a division by zero
    "query_error",  # the store did not answer
]


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest value of one metric, in its native unit, or why there is none."""

    value: float | None
    reason: Reason = ""


MISSING: Final = Reading(None, "missing")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a condition came to; `truth` is None when unknown, and `reason` says why."""

    truth: bool | None
    reason: Reason = ""


_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


def evaluate(expr: Expr, readings: Mapping[str, Reading]) -> Judgement:
    """Judge *expr*, a checked tree, on the *readings* of one subject by metric name."""
    match expr:
        case Not(of):
            inner = evaluate(of, readings)
            return inner if inner.truth is None else Judgement(not inner.truth)
        case Every(terms):
            return _decided([evaluate(t, readings) for t in terms], by=False)
        case Some(terms):
            return _decided([evaluate(t, readings) for t in terms], by=True)
        case Comparison(sign, left, right):
            a, b = _number(left, readings), _number(right, readings)
            if a.value is None or b.value is None:
                return Judgement(None, a.reason or b.reason)
            return Judgement(_COMPARE[sign](a.value, b.value))
        case _:
            raise TypeError("a checked condition is true or false")


def _decided(terms: list[Judgement], *, by: bool) -> Judgement:
    """Return *by* if a term is *by*, else unknown if one is, else the opposite."""
    if any(term.truth is by for term in terms):
        return Judgement(by)
    unknown = (term for term in terms if term.truth is None)
    return next(unknown, Judgement(not by))


def _number(expr: Expr, readings: Mapping[str, Reading]) -> Reading:
    match expr:
        case Number(value, _):
            return Reading(value)
        case MetricRef(name, _):
            reading = readings.get(name, MISSING)
            if reading.value is not None and not math.isfinite(reading.value):
                return Reading(None, "not_a_number")
            return reading
        case Negative(of):
            inner = _number(of, readings)
            return inner if inner.value is None else Reading(-inner.value)
        case Arithmetic(sign, left, right):
            a, b = _number(left, readings), _number(right, readings)
            if a.value is None or b.value is None:
                return Reading(None, a.reason or b.reason)
            result = apply(sign, a.value, b.value)
            return Reading(result, "not_a_number" if result is None else "")
        case _:
            raise TypeError("a checked comparison compares numbers")


def first_value(expr: Expr, readings: Mapping[str, Reading]) -> float | None:
    """Return the first metric of *expr* that has a value: the figure of a headline."""
    values = (readings.get(ref.name, MISSING).value for ref in metrics(expr))
    return next((v for v in values if v is not None and math.isfinite(v)), None)
