"""Hypothesis strategies for condition trees that `parse` can produce."""

from __future__ import annotations

from hypothesis import strategies as st

from algovigil_processor.alert.rules.functions import FUNCTIONS
from algovigil_processor.alert.rules.grammar import LABELS
from algovigil_processor.alert.rules.metrics import METRICS
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

names = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]))
selectors = st.dictionaries(st.sampled_from(LABELS), names).map(
    lambda labels: tuple(sorted(labels.items()))
)
spans = st.sampled_from([0, 1, 90, 300, 3600, 86_400, 604_800])
refs = st.builds(
    MetricRef,
    st.sampled_from(sorted(METRICS)),
    selectors,
    st.sampled_from(["", "site", "subgroup"]),
    spans,
    spans,
)
numbers = st.builds(
    Number,
    st.floats(min_value=0, allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "ms", "s", "%"]),
)


def call(function: str, of: MetricRef, number: Number) -> Call:
    """A call with an argument where its function has one."""
    return Call(function, of, number if FUNCTIONS[function].has_argument else None)


calls = st.builds(call, st.sampled_from(sorted(FUNCTIONS)), refs, numbers).filter(
    lambda made: made.of.name in FUNCTIONS[made.function].only
)


def sums(leaves: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    """Numeric trees over *leaves*."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Negative, inner),
            st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner),
        ),
        max_leaves=5,
    )


def conditions(
    leaves: st.SearchStrategy[Expr] = refs | numbers | calls,
    *,
    with_absent: bool = True,
) -> st.SearchStrategy[Expr]:
    """Boolean trees whose numbers are trees over *leaves*."""
    compare = st.builds(
        Comparison,
        st.sampled_from([">", ">=", "<", "<=", "==", "!="]),
        sums(leaves),
        sums(leaves),
    )
    return st.recursive(
        compare | st.builds(Absent, refs) if with_absent else compare,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(Every, st.lists(inner, min_size=2, max_size=4).map(tuple)),
            st.builds(Some, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        ),
        max_leaves=6,
    )
