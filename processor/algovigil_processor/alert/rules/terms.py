"""Terms as text: what a message may name, and in which unit it is.

A term is a metric or a function of one, written as `render` writes it and without a
selector; nothing else is one, so that no other text passes for it.
"""

from __future__ import annotations

from functools import lru_cache

from algovigil_processor.alert.rules.functions import FUNCTIONS
from algovigil_processor.alert.rules.grammar import RuleSyntaxError, parse
from algovigil_processor.alert.rules.metrics import METRICS, Kind
from algovigil_processor.alert.rules.tree import (
    Call,
    Comparison,
    Expr,
    MetricRef,
    render,
    unselected,
)


@lru_cache(maxsize=4096)
def _term(text: str) -> Expr | None:
    try:
        whole = parse(f"{text} > 0")
    except RuleSyntaxError:
        return None
    match whole:
        case Comparison(">", MetricRef() | Call() as term) if text == render(
            unselected(term)
        ):
            return term
    return None


def is_term(text: str) -> bool:
    """Whether *text* is a term, exactly as `render` writes it."""
    return _term(text) is not None


def unit_of(text: str) -> Kind:
    """Return the unit of the term *text*.

    Raises:
        ValueError: it is not a term.
    """
    match _term(text):
        case Call(function, of):
            return FUNCTIONS[function].kind or METRICS[of.name].kind
        case MetricRef(name):
            return METRICS[name].kind
    raise ValueError("not a term of the language")
