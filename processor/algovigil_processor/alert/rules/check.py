"""Lint a condition and fold its units: nothing that cannot mean what it says starts.

A checked tree has plain numbers only, each in the native unit of the metric that it
meets, and every comparison names at least one metric.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from algovigil_processor.alert.rules.functions import FUNCTIONS, LEVELS, SAMPLED, budget
from algovigil_processor.alert.rules.grammar import RuleSyntaxError
from algovigil_processor.alert.rules.metrics import METRICS, QUANTILES, Kind
from algovigil_processor.alert.rules.tree import (
    Absent,
    Arithmetic,
    Call,
    Comparison,
    Every,
    MetricRef,
    Negative,
    Not,
    Number,
    Some,
    metrics,
    render,
)

if TYPE_CHECKING:
    from algovigil_processor.alert.rules.tree import Expr

Dimension: TypeAlias = Kind | Literal["plain", "share"]
"""A `Kind`, or that of a literal: without a unit, or with `%`."""

_FITS: Final[frozenset[tuple[Dimension, Dimension]]] = frozenset(
    {
        ("share", "ratio"),
        ("share", "percent"),
        ("share", "number"),
        ("ratio", "number"),
    }
)


def checked(expr: Expr) -> Expr:
    """Return *expr* with units folded into its numbers.

    Raises:
        RuleSyntaxError: units do not fit, a ratio meets a number over 1, a comparison
            names no metric, a function does not fit its metric, or the terms ask for
            two models or two cuts at once.
    """
    _one_subject(expr)
    for ref in metrics(expr):
        _check_cut(ref)
    return _condition(expr)


def _check_cut(ref: MetricRef) -> None:
    metric = METRICS[ref.name]
    named = {label for label, _ in ref.selector if label in ("site", "subgroup")}
    if len(named | ({ref.by} if ref.by else set())) > 1:
        raise RuleSyntaxError(ref.at, "a metric by site and by subgroup", "one of them")
    if ref.cut not in metric.cuts:
        raise RuleSyntaxError(
            ref.at,
            f"`{ref.name}` of one {ref.cut}",
            f"a metric that is kept by {ref.cut}: "
            + ", ".join(name for name, m in METRICS.items() if ref.cut in m.cuts),
        )


def _one_subject(expr: Expr) -> None:
    wanted: dict[str, str] = {}
    for ref in metrics(expr):
        for label, name in ref.selector:
            if wanted.setdefault(label, name) != name:
                raise RuleSyntaxError(
                    ref.at,
                    f"a second {label}",
                    f"one {label} in a rule",
                    "write one rule for each",
                )
    cuts = {ref.cut: ref for ref in metrics(expr) if ref.cut}
    if len(cuts) > 1:
        raise RuleSyntaxError(
            list(cuts.values())[-1].at,
            "a rule by site and by subgroup",
            "one of them",
            "write one rule for each",
        )


def _condition(expr: Expr) -> Expr:
    match expr:
        case Not(of):
            return dataclasses.replace(expr, of=_condition(of))
        case Every(terms) | Some(terms):
            return dataclasses.replace(expr, terms=tuple(map(_condition, terms)))
        case Comparison():
            return _comparison(expr)
        case Absent():
            return expr
        case _:
            raise RuleSyntaxError(expr.at, "a number", "a comparison")


def _comparison(expr: Comparison) -> Comparison:
    if not metrics(expr):
        raise RuleSyntaxError(
            expr.at,
            "a comparison of numbers only",
            "a metric on one side",
            "it would hold always, or never",
        )
    kind = _join(_dimension(expr.left), _dimension(expr.right), expr)
    left, right = _fold(expr.left, kind), _fold(expr.right, kind)
    if kind == "ratio":
        for side in (left, right):
            _refuse_impossible(side)
    return dataclasses.replace(expr, left=left, right=right)


def _refuse_impossible(side: Expr) -> None:
    if not metrics(side) and (value := constant(side)) is not None and value > 1:
        raise RuleSyntaxError(
            side.at,
            f"a ratio compared with {value:g}",
            "a number from 0 to 1",
            f"write `{value:g}%` or `{value / 100:g}`",
        )


def constant(expr: Expr) -> float | None:
    """Return the value of *expr*, which names no metric; None if it has none."""
    match expr:
        case Number(value, _):
            return value
        case Negative(of):
            inner = constant(of)
            return None if inner is None else -inner
        case Arithmetic(sign, left, right):
            a, b = constant(left), constant(right)
            return None if a is None or b is None else apply(sign, a, b)
        case _:
            return None


def apply(sign: str, a: float, b: float) -> float | None:
    """Return a *sign* b, or None where that is no finite number."""
    if sign == "/":
        value = a / b if b else float("nan")
    elif sign == "*":
        value = a * b
    else:
        value = a + b if sign == "+" else a - b
    return value if abs(value) < float("inf") else None


def _dimension(expr: Expr) -> Dimension:
    match expr:
        case Number(_, unit):
            return "plain" if not unit else "share" if unit == "%" else "ms"
        case MetricRef(name):
            if expr.over and METRICS[name].source != "calls":
                raise RuleSyntaxError(
                    expr.at,
                    f"`{name}` over a window",
                    "a function of its samples",
                    f"write `avg({name} over ...)`, or max, min, delta",
                )
            return METRICS[name].kind
        case Call():
            return _call(expr)
        case Negative(of):
            return _dimension(of)
        case Arithmetic("+" | "-", left, right):
            joined = _join(_dimension(left), _dimension(right), expr)
            # sensitivity + specificity is Youden's J + 1: over 1 and right
            summed = joined == "ratio" and metrics(left) and metrics(right)
            return "number" if summed else joined
        case Arithmetic(sign, left, right):
            return _scaled(sign, _dimension(left), _dimension(right))
        case _:
            raise RuleSyntaxError(expr.at, "a comparison", "a number")


def _call(call: Call) -> Dimension:
    """Return what *call* measures; refuse what its function cannot take."""
    name, signature = call.of.name, FUNCTIONS[call.function]
    metric = METRICS[name]
    text = render(call)
    if name not in signature.only:
        raise RuleSyntaxError(
            call.at,
            f"`{text[:80]}`",
            f"{call.function} of one of " + ", ".join(sorted(signature.only)),
        )
    if not call.of.over:
        raise RuleSyntaxError(
            call.of.at, f"`{text[:80]}` without a window", "`over 5m` or the like"
        )
    if call.function in SAMPLED and metric.source == "calls" and call.of.cut:
        raise RuleSyntaxError(
            call.at,
            f"samples of `{name}` by {call.of.cut}",
            "the metric itself over the window",
            f"write `{render(call.of)}`",
        )
    if call.function == "quantile":
        level = _folded(call)
        if level not in LEVELS:
            raise RuleSyntaxError(
                call.at,
                f"the quantile {level:g}",
                "one of " + ", ".join(map(str, LEVELS)),
            )
    if call.function == "burn_rate":
        _check_objective(call)
    return signature.kind or metric.kind


def _folded(call: Call) -> float:
    """Return the argument of *call* in the unit that it is taken in."""
    assert call.argument is not None
    kind = METRICS[call.of.name].kind if call.function == "burn_rate" else "number"
    folded = _fold(call.argument, kind)
    assert isinstance(folded, Number)
    return folded.value


def _check_objective(call: Call) -> None:
    assert call.argument is not None
    _join(METRICS[call.of.name].kind, _dimension(call.argument), call)
    objective = _folded(call)
    if call.of.name in QUANTILES:
        fits = objective > 0
    else:
        fits = 0 < budget(call.of.name, objective) < 1
    if not fits:
        raise RuleSyntaxError(
            call.argument.at,
            f"the objective {render(call.argument)}",
            "one that leaves a part of the calls to fail",
            "`burn_rate(availability over 1h, 99.9%)`",
        )


def _join(
    a: Dimension, b: Dimension, expr: Arithmetic | Comparison | Call
) -> Dimension:
    if a == b or b == "plain" or (b, a) in _FITS:
        return a
    if a == "plain" or (a, b) in _FITS:
        return b
    text = render(expr)
    raise RuleSyntaxError(
        expr.at,
        f"{_named(a)} against {_named(b)} in `{text[:80]}`",
        "the same unit on both sides",
    )


def _named(dimension: Dimension) -> str:
    return "%" if dimension == "share" else dimension


def _scaled(sign: str, a: Dimension, b: Dimension) -> Dimension:
    """Return what a product or quotient measures: a scaled ratio is no ratio more."""
    if sign == "/" and a == b:
        return "number"
    kept = a if b in ("plain", "share", "ratio") else None
    if sign == "*" and kept is None and a in ("plain", "share", "ratio"):
        kept = b
    return "number" if kept in (None, "ratio", "share", "plain") else kept


def _fold(expr: Expr, kind: Dimension) -> Expr:
    """Return *expr* with each number in the unit *kind* that its surroundings have."""
    match expr:
        case Number(value, unit):
            factor = {"s": 1000.0, "%": 1.0 if kind == "percent" else 0.01}
            return dataclasses.replace(
                expr, value=value * factor.get(unit, 1.0), unit=""
            )
        case Negative(of):
            return dataclasses.replace(expr, of=_fold(of, kind))
        case Call(_, _, argument) if argument is not None:
            folded = dataclasses.replace(argument, value=_folded(expr), unit="")
            return dataclasses.replace(expr, argument=folded)
        case Arithmetic(sign, left, right):
            inner = kind if sign in "+-" else "plain"
            return dataclasses.replace(
                expr, left=_fold(left, inner), right=_fold(right, inner)
            )
        case _:
            return expr
