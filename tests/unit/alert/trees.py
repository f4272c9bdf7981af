"""Hypothesis strategies for condition trees that `parse` can produce."""

from __future__ import annotations

from hypothesis import strategies as st

from algovigil_processor.alert.rules.grammar import LABELS
from algovigil_processor.alert.rules.metrics import METRICS
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
)

names = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]))
selectors = st.dictionaries(st.sampled_from(LABELS), names).map(
    lambda labels: tuple(sorted(labels.items()))
)
refs = st.builds(MetricRef, st.sampled_from(sorted(METRICS)), selectors)
numbers = st.builds(
    Number,
    st.floats(min_value=0, allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "ms", "s", "%"]),
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
    leaves: st.SearchStrategy[Expr] = refs | numbers,
) -> st.SearchStrategy[Expr]:
    """Boolean trees whose numbers are trees over *leaves*."""
    compare = st.builds(
        Comparison,
        st.sampled_from([">", ">=", "<", "<=", "==", "!="]),
        sums(leaves),
        sums(leaves),
    )
    return st.recursive(
        compare,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(Every, st.lists(inner, min_size=2, max_size=4).map(tuple)),
            st.builds(Some, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        ),
        max_leaves=6,
    )
