"""Judge a condition: true, false, or unknown with a reason. Kleene's logic.

What is missing, too old, too little or no number is unknown; unknown is never false,
so that no alert ends because its data went away.

Kleene, S. C. (1938), On notation for ordinal numbers, section on partial predicates.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from algovigil_processor.alert.evaluate.readings import Reading
from algovigil_processor.alert.rules.check import apply
from algovigil_processor.alert.rules.functions import budget
from algovigil_processor.alert.rules.metrics import QUANTILES
from algovigil_processor.alert.rules.needs import needs_of
from algovigil_processor.alert.rules.tree import (
    Absent,
    Arithmetic,
    Call,
    Comparison,
    Every,
    Expr,
    MetricRef,
    Negative,
    Not,
    Number,
    Some,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from algovigil_processor.alert.evaluate.readings import Reason
    from algovigil_processor.alert.rules.needs import Need
    from algovigil_processor.alert.rules.tree import Term

    Lookup: TypeAlias = Callable[[Need], Reading]


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


def evaluate(expr: Expr, lookup: Lookup) -> Judgement:
    """Judge *expr*, a checked tree, by what *lookup* returns for one subject."""
    match expr:
        case Not(of):
            inner = evaluate(of, lookup)
            return inner if inner.truth is None else Judgement(not inner.truth)
        case Every(each):
            return _decided([evaluate(term, lookup) for term in each], by=False)
        case Some(each):
            return _decided([evaluate(term, lookup) for term in each], by=True)
        case Comparison(sign, left, right):
            a, b = number(left, lookup), number(right, lookup)
            if a.value is None or b.value is None:
                return Judgement(None, a.reason or b.reason)
            return Judgement(_COMPARE[sign](a.value, b.value))
        case Absent():
            return _absent(lookup(needs_of(expr)[0]))
        case _:
            raise TypeError("a checked condition is true or false")


def _decided(terms: list[Judgement], *, by: bool) -> Judgement:
    """Return *by* if a term is *by*, else unknown if one is, else the opposite."""
    if any(term.truth is by for term in terms):
        return Judgement(by)
    unknown = (term for term in terms if term.truth is None)
    return next(unknown, Judgement(not by))


def _absent(reading: Reading) -> Judgement:
    # that nobody could look is not that there was nothing to see
    if reading.reason in ("query_error", "stale_ingest"):
        return Judgement(None, reading.reason)
    return Judgement(reading.reason == "missing")


def number(expr: Expr, lookup: Lookup) -> Reading:
    """Return what the numeric *expr* comes to."""
    match expr:
        case Number(value, _):
            return Reading(value)
        case MetricRef():
            return _finite(lookup(needs_of(expr)[0]))
        case Call():
            return _call(expr, lookup)
        case Negative(of):
            inner = number(of, lookup)
            return inner if inner.value is None else Reading(-inner.value)
        case Arithmetic(sign, left, right):
            return _applied(sign, number(left, lookup), number(right, lookup))
        case _:
            raise TypeError("a checked comparison compares numbers")


def _finite(reading: Reading) -> Reading:
    if reading.value is not None and not math.isfinite(reading.value):
        return Reading(None, "not_a_number")
    return reading


def _applied(sign: str, a: Reading, b: Reading) -> Reading:
    if a.value is None or b.value is None:
        return Reading(None, a.reason or b.reason)
    result = apply(sign, a.value, b.value)
    return Reading(result, "not_a_number" if result is None else "")


def _call(call: Call, lookup: Lookup) -> Reading:
    read = [_finite(lookup(need)) for need in needs_of(call)]
    match call.function:
        case "delta":
            return _applied("-", *read)
        case "rate":
            return _applied("/", read[0], Reading(float(call.of.over)))
        case "burn_rate":
            return _burn(call, read[0])
        case _:
            return read[0]


def _burn(call: Call, read: Reading) -> Reading:
    """Return how many times too fast the budget is spent: bad share / budget."""
    assert call.argument is not None
    allowed = Reading(budget(call.of.name, call.argument.value))
    if call.of.name == "availability":
        read = _applied("-", Reading(1.0), read)
    assert call.of.name in (*QUANTILES, "availability", "error_rate")
    return _applied("/", read, allowed)


def figures(
    named: Iterable[tuple[str, Term]], lookup: Lookup
) -> tuple[tuple[str, float | None], ...]:
    """Return what each term of *named* came to, by its name."""
    return tuple((name, _figure(term, lookup)) for name, term in named)


def _figure(term: Term, lookup: Lookup) -> float | None:
    if isinstance(term, Absent):
        return lookup(needs_of(term)[0]).value
    return number(term, lookup).value


def first_value(values: tuple[tuple[str, float | None], ...]) -> float | None:
    """Return the first value that there is: the figure of a headline."""
    known = (v for _, v in values if v is not None and math.isfinite(v))
    return next(known, None)
