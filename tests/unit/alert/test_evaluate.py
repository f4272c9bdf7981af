"""Three-valued judging: unknown is neither true nor false, and says why."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algovigil_processor.alert.evaluate.logic import (
    Judgement,
    Reading,
    evaluate,
    first_value,
)
from algovigil_processor.alert.rules.check import checked
from algovigil_processor.alert.rules.grammar import parse
from algovigil_processor.alert.rules.metrics import METRICS
from unit.alert.trees import conditions, numbers, refs

# a comparison of each truth value, and of unknown
WORDS = {True: "psi > 0", False: "psi < 0", None: "ks_p_value > 0"}
GIVEN = {"psi": Reading(1.0)}
TRUTHS = (True, False, None)


def truth(text: str, readings: dict[str, Reading] | None = None) -> bool | None:
    """Judge *text* on *readings*."""
    return evaluate(checked(parse(text)), GIVEN if readings is None else readings).truth


@pytest.mark.parametrize(("a", "b"), list(itertools.product(TRUTHS, TRUTHS)))
def test_kleene_tables(a: bool | None, b: bool | None) -> None:
    """`and`, `or` and `not` are Kleene's strong tables."""
    order = {False: 0, None: 1, True: 2}
    both, either = min(a, b, key=order.get), max(a, b, key=order.get)
    assert both is truth(f"{WORDS[a]} and {WORDS[b]}")
    assert either is truth(f"{WORDS[a]} or {WORDS[b]}")
    assert truth(f"not ({WORDS[a]})") is (None if a is None else not a)


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        ({}, "missing"),
        ({"psi": Reading(math.nan)}, "not_a_number"),
        ({"psi": Reading(math.inf)}, "not_a_number"),
        ({"psi": Reading(None, "low_n")}, "low_n"),
        ({"psi": Reading(None, "insufficient_data")}, "insufficient_data"),
        ({"psi": Reading(None, "query_error")}, "query_error"),
    ],
)
@pytest.mark.parametrize("sign", [">", ">=", "<", "<=", "==", "!="])
def test_no_number_is_unknown(
    readings: dict[str, Reading], reason: str, sign: str
) -> None:
    """Missing, NaN and infinity are unknown under every operator, with the reason."""
    expr = checked(parse(f"psi {sign} 1"))
    assert Judgement(None, reason) == evaluate(expr, readings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("psi / 0 > 1", None),
        ("psi / (psi - 1) > 1", None),
        ("psi * 1e308 * 1e308 > 1", None),
        ("-psi < 0", True),
        ("psi - 1 == 0", True),
        ("psi * 2 + 1 > 6 / 2", False),
        ("psi >= 1 and psi <= 1 and not psi != 1", True),
    ],
)
def test_arithmetic(text: str, expected: bool | None) -> None:
    """Arithmetic is plain, and what has no finite result is unknown."""
    assert expected is truth(text)


READINGS = st.dictionaries(
    st.sampled_from(sorted(METRICS)),
    st.builds(Reading, st.floats() | st.none()).map(
        lambda r: r if r.value is not None else Reading(None, "missing")
    ),
)


@given(conditions(refs | numbers), READINGS)
def test_unknown_always_has_a_reason(tree: object, given: dict[str, Reading]) -> None:
    """Every tree on every reading is true, false, or unknown with a reason."""
    judged = evaluate(tree, given)
    assert (judged.truth is None) is bool(judged.reason)


@given(conditions(refs | numbers), READINGS)
def test_more_knowledge_never_turns_a_judgement(
    tree: object, known: dict[str, Reading]
) -> None:
    """What is judged without a reading stays so whatever that reading would be."""
    judged = evaluate(tree, known)
    if judged.truth is not None:
        fuller = {name: Reading(0.5) for name in METRICS} | {
            name: reading
            for name, reading in known.items()
            if reading.value is not None and math.isfinite(reading.value)
        }
        assert judged.truth is evaluate(tree, fuller).truth


def test_headline_figure_is_the_first_that_is_known() -> None:
    """The figure of an alert is the first metric of the condition with a value."""
    expr = checked(parse("ks_p_value < 0.05 or psi > 0.2"))
    assert first_value(expr, {"psi": Reading(0.3)}) == 0.3
    assert first_value(expr, {}) is None
