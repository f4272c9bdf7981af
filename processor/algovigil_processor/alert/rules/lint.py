"""What can be obeyed and still is doubtful. Pure.

What cannot mean what it says is refused by `check`; this is about what its author
probably did not mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from algovigil_processor.alert.rules.metrics import METRICS
from algovigil_processor.alert.rules.tree import (
    Comparison,
    MetricRef,
    children,
    metrics,
    render,
    span,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.config import Alerts
    from algovigil_processor.alert.rules.compile import Rule
    from algovigil_processor.alert.rules.tree import Expr


def doubts(rule: Rule, alerts: Alerts) -> Iterator[str]:
    """Yield what is doubtful about *rule*, each with what to write instead."""
    if not rule.channels:
        yield "no channels: it fires and nobody is told"
    for key, ns in (("duration", rule.for_ns), ("keep_firing", rule.keep_ns)):
        if 0 < ns < alerts.interval * 1e9:
            yield (
                f"{key} of {ns / 1e9:g} s is under the interval of"
                f" {alerts.interval:g} s, at which rules are judged"
            )
    for ref in metrics(rule.condition):
        if 0 < ref.over < alerts.interval:
            yield (
                f"`over {span(ref.over)}` is under the interval of"
                f" {alerts.interval:g} s: calls between two windows are never seen"
            )
    for each in _equalities(rule.written):
        yield f"`{render(each)}` compares a measured number for equality"
    if rule.min_samples == 1:
        yield "min_samples of 1: one call makes a ratio of 0 or 1"


def _equalities(expr: Expr) -> Iterator[Comparison]:
    match expr:
        case Comparison("==" | "!=", left, right) if any(
            isinstance(side, MetricRef) and METRICS[side.name].kind != "count"
            for side in (left, right)
        ):
            yield expr
        case _:
            for child in children(expr):
                yield from _equalities(child)
