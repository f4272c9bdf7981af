"""Conditions as text: what parses, what is refused, and how it is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algovigil_processor.alert.rules.grammar import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    RuleSyntaxError,
    parse,
)
from algovigil_processor.alert.rules.metrics import METRICS
from algovigil_processor.alert.rules.tree import (
    Absent,
    Arithmetic,
    Call,
    Comparison,
    Every,
    MetricRef,
    Not,
    Number,
    Some,
    render,
    unselected,
)
from unit.alert.trees import conditions

PSI = MetricRef("psi")
HIGH = Comparison(">", PSI, Number(1))
LOW = Comparison("<", PSI, Number(2))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("psi>1", HIGH),
        (" ( psi > 1 ) ", HIGH),
        ("psi > 1 and psi < 2 or psi > 1", Some((Every((HIGH, LOW)), HIGH))),
        ("psi > 1 and (psi < 2 or psi > 1)", Every((HIGH, Some((LOW, HIGH))))),
        ("not psi > 1 and psi < 2", Every((Not(HIGH), LOW))),
        (
            "latency_p99 - latency_p50 * 2 >= 1.5 s",
            Comparison(
                ">=",
                Arithmetic(
                    "-",
                    MetricRef("latency_p99"),
                    Arithmetic("*", MetricRef("latency_p50"), Number(2)),
                ),
                Number(1.5, "s"),
            ),
        ),
        (
            "psi - psi - 1 > 1",
            Comparison(
                ">",
                Arithmetic("-", Arithmetic("-", PSI, PSI), Number(1)),
                Number(1),
            ),
        ),
        (
            'error_rate{site="a"} by site over 90m offset 1w > 5%',
            Comparison(
                ">",
                MetricRef("error_rate", (("site", "a"),), "site", 5400, 604_800),
                Number(5, "%"),
            ),
        ),
        (
            "burn_rate(availability over 1h, 99.9%) > 14.4 or absent(psi over 1d)",
            Some(
                (
                    Comparison(
                        ">",
                        Call(
                            "burn_rate",
                            MetricRef("availability", over=3600),
                            Number(99.9, "%"),
                        ),
                        Number(14.4),
                    ),
                    Absent(MetricRef("psi", over=86_400)),
                )
            ),
        ),
        (
            'error_rate{version="2", model="a \\"b\\" \\\\"} > 5%',
            Comparison(
                ">",
                MetricRef("error_rate", (("model", 'a "b" \\'), ("version", "2"))),
                Number(5, "%"),
            ),
        ),
    ],
)
def test_reads(text: str, tree: object) -> None:
    """Precedence, units, selectors and parentheses read as the grammar says."""
    assert tree == parse(text)


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("latency_p95 = 5", 12, "write `==`"),
        ("psi > 1 and latency_p95 = 5", 24, "write `==`"),
        ("(latency_p95 = 5)", 13, "write `==`"),
        ("psi > 1 AND psi < 2", 8, "write `and`"),
        ("psi > 1 && psi < 2", 8, "write `and`"),
        ("!(psi > 1)", 0, "write `not`"),
        ("psi <> 1", 4, "write `!=`"),
        ("latency_p95 > 5m", 15, "units are ms, s and %"),
        ("latency_95 > 5", 0, "did you mean `latency_p95`"),
        ("psi > 1 > 2", 8, "join them with `and`"),
        ("psi", 0, "compare it"),
        ("psi + (psi > 1) > 2", 7, "join comparisons"),
        ("(psi > 1", 8, ""),
        ("psi > ", 6, ""),
        ("", 0, ""),
        ("psi > 1 psi", 8, ""),
        ("psi > 1e999", 6, ""),
        ('psi{ward="a"} > 1', 4, ""),
        ("psi over 5 > 1", 11, ""),
        ("psi over 5m5s > 1", 10, ""),
        ("psi over 0.5s > 1", 9, ""),
        ("psi over 36d > 1", 9, ""),
        ("psi by ward > 1", 7, ""),
        ("psi[5m] > 1", 3, "write `over 5m`"),
        ("avg(1) > 1", 4, ""),
        ("avg(psi over 5m, 1) > 1", 15, ""),
        ("quantile(psi over 5m) > 1", 20, ""),
        ("avg psi > 1", 4, ""),
        ("absent(psi) > 1", 0, "join comparisons"),
        ('psi{model="a", model="b"} > 1', 15, ""),
        ("psi{model=a} > 1", 10, ""),
        ('psi{model="a\nb"} > 1', 10, ""),
        ("psi > 1; drop", 7, ""),
        ("psi > \u0661", 6, ""),
        ("__import__('os')", 11, ""),
    ],
)
def test_refuses(text: str, position: int, hint: str) -> None:
    """What is no condition is refused where it goes wrong, with what to write."""
    with pytest.raises(RuleSyntaxError) as caught:
        parse(text)
    assert position == caught.value.position
    assert hint in caught.value.hint
    assert "found: " in str(caught.value)


def test_unknown_metric_lists_the_known() -> None:
    """An unknown metric is answered with the whole closed set."""
    with pytest.raises(RuleSyntaxError) as caught:
        parse("heart_rate > 1")
    assert all(name in str(caught.value) for name in METRICS)


@pytest.mark.parametrize(
    "text",
    [
        "(" * (MAX_DEPTH + 1) + "psi > 1" + ")" * (MAX_DEPTH + 1),
        "not " * (MAX_DEPTH + 1) + "psi > 1",
        "-" * (MAX_DEPTH + 1) + "psi > 1",
        "psi" + " + psi" * MAX_DEPTH + " > 1",
        "psi > 1 and " * 200 + "psi > 1",
        "(" * (MAX_CHARACTERS // 2),
    ],
)
def test_bounds(text: str) -> None:
    """Length and depth are bounded, whatever builds them up."""
    with pytest.raises(RuleSyntaxError):
        parse(text)


def test_long_lists_are_not_deep() -> None:
    """Many alternatives side by side are one level."""
    tree = parse(" or ".join(["psi > 1"] * 100))
    assert isinstance(tree, Some)
    assert len(tree.terms) == 100


@given(st.text() | st.text('psi()<>=!&|-+*/ 019.e%ms"{}andort,_\\\n'))
def test_any_text_parses_or_says_where(text: str) -> None:
    """No text does anything but parse or raise `RuleSyntaxError` inside the text."""
    try:
        tree = parse(text)
    except RuleSyntaxError as error:
        position = error.position
    else:
        position = 0
        assert tree == parse(render(tree))
    assert 0 <= position <= len(text)


@given(conditions())
def test_render_then_parse_is_identity(tree: object) -> None:
    """What is stored and shown is what was judged."""
    text = render(tree)
    if len(text) <= MAX_CHARACTERS:
        assert tree == parse(text)


@given(conditions())
def test_without_selectors_there_is_no_text(tree: object) -> None:
    """A tree without selectors renders in closed words and numbers only."""
    text = render(unselected(tree))
    assert '"' not in text
    assert text.isascii()
