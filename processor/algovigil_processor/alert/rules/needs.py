"""What a condition reads: the few values that many rules share.

A `Need` is one value of every subject. Two terms that ask for the same one, in whatever
rules, have equal needs, and so it is read once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from algovigil_processor.alert.rules.functions import SAMPLED
from algovigil_processor.alert.rules.metrics import METRICS, QUANTILES
from algovigil_processor.alert.rules.tree import Absent, Call, MetricRef, terms

if TYPE_CHECKING:
    from algovigil_processor.alert.rules.metrics import Cut
    from algovigil_processor.alert.rules.tree import Expr, Term


class Need(NamedTuple):
    """One value: of a metric as it is, or of a function over its samples.

    `function` is '' for the metric itself, `slow` for the share of calls that took
    more than `argument` ms, or one of `SAMPLED`; spans are seconds, 0 the default.
    """

    metric: str
    function: str = ""
    over: int = 0
    offset: int = 0
    cut: Cut = ""
    argument: float = 0.0


@lru_cache(maxsize=65_536)
def needs_of(term: Term) -> tuple[Need, ...]:
    """Return what *term* reads; a `delta` reads twice, now and a window ago."""
    match term:
        case MetricRef():
            return (_need(term),)
        case Absent(of):
            return (_need(of),)
        case Call("delta", of):
            now = _need(of)
            if METRICS[of.name].source != "calls":
                now = now._replace(over=0)  # the newest of then, not a mean since
            return (now, now._replace(offset=of.offset + of.over))
        case Call("burn_rate", of, argument) if of.name in QUANTILES:
            assert argument is not None
            return (_need(of)._replace(function="slow", argument=argument.value),)
        case Call(function, of, argument) if function in SAMPLED:
            level = 0.0 if argument is None else argument.value
            return (_need(of)._replace(function=function, argument=level),)
        case Call(_, of):
            return (_need(of),)


def _need(ref: MetricRef) -> Need:
    return Need(ref.name, "", ref.over, ref.offset, ref.cut)


def needs(expr: Expr) -> frozenset[Need]:
    """Return everything that *expr* reads."""
    return frozenset(need for term in terms(expr) for need in needs_of(term))
