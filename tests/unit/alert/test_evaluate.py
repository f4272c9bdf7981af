"""Three-valued judging: unknown is neither true nor false, and says why."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algovigil_processor.alert.evaluate.logic import (
    Judgement,
    evaluate,
    figures,
    first_value,
)
from algovigil_processor.alert.evaluate.readings import MISSING, Reading
from algovigil_processor.alert.rules.check import checked
from algovigil_processor.alert.rules.grammar import parse
from algovigil_processor.alert.rules.metrics import METRICS
from algovigil_processor.alert.rules.tree import render, terms
from unit.alert.trees import calls, conditions, numbers, refs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil_processor.alert.evaluate.logic import Lookup
    from algovigil_processor.alert.rules.tree import Expr

# a comparison of each truth value, and of unknown
WORDS = {True: "psi > 0", False: "psi < 0", None: "ks_p_value > 0"}
GIVEN = {"psi": Reading(1.0)}
TRUTHS = (True, False, None)


def by_name(readings: Mapping[str, Reading]) -> Lookup:
    """Answer every need of a metric by the one reading of its name."""
    return lambda need: readings.get(need.metric, MISSING)


def shown(expr: Expr, lookup: Lookup) -> tuple[tuple[str, float | None], ...]:
    """What the terms of *expr* came to, by their text."""
    return figures([(render(term), term) for term in terms(expr)], lookup)


def truth(text: str, readings: dict[str, Reading] | None = None) -> bool | None:
    """Judge *text* on *readings*."""
    given = GIVEN if readings is None else readings
    return evaluate(checked(parse(text)), by_name(given)).truth


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
    assert Judgement(None, reason) == evaluate(expr, by_name(readings))


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


@given(conditions(refs | numbers | calls), READINGS)
def test_unknown_always_has_a_reason(tree: object, given: dict[str, Reading]) -> None:
    """Every tree on every reading is true, false, or unknown with a reason."""
    judged = evaluate(tree, by_name(given))
    assert (judged.truth is None) is bool(judged.reason)


@given(conditions(refs | numbers, with_absent=False), READINGS)
def test_more_knowledge_never_turns_a_judgement(
    tree: object, known: dict[str, Reading]
) -> None:
    """What is judged without a reading stays so whatever that reading would be."""
    judged = evaluate(tree, by_name(known))
    if judged.truth is not None:
        fuller = {name: Reading(0.5) for name in METRICS} | {
            name: reading
            for name, reading in known.items()
            if reading.value is not None and math.isfinite(reading.value)
        }
        assert judged.truth is evaluate(tree, by_name(fuller)).truth


def test_headline_figure_is_the_first_that_is_known() -> None:
    """The figure of an alert is the first metric of the condition with a value."""
    expr = checked(parse("ks_p_value < 0.05 or psi > 0.2"))
    assert 0.3 == first_value(shown(expr, by_name({"psi": Reading(0.3)})))
    assert first_value(shown(expr, by_name({}))) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("burn_rate(error_rate over 1h, 0.1%)", 14.4),
        ("burn_rate(availability over 1h, 99%)", 1.44),
        ("burn_rate(latency_p95 over 1h, 2s)", 0.0144 / 0.05),
        ("rate(request_count over 10m)", 2.0),
        ("delta(error_rate over 1h)", 0.0),
        ("max(error_rate over 1h)", 0.0144),
    ],
)
def test_functions(text: str, value: float) -> None:
    """Each function means what it says, on one reading of everything."""
    known = {
        "error_rate": Reading(0.0144),
        "availability": Reading(1 - 0.0144),
        "latency_p95": Reading(0.0144),  # the share of slow calls
        "request_count": Reading(1200.0),
    }
    expr = checked(parse(f"{text} > 0"))
    ((term, figure),) = shown(expr, by_name(known))
    assert pytest.approx(value) == figure
    assert term.startswith(text.partition("(")[0])


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (MISSING, True),
        (Reading(0.0), False),
        (Reading(None, "low_n"), False),
        (Reading(None, "insufficient_data"), False),
        (Reading(None, "query_error"), None),
        (Reading(None, "stale_ingest"), None),
    ],
)
def test_absent(reading: Reading, expected: bool | None) -> None:
    """Absent is that nothing was seen, not that nobody could look."""
    expr = checked(parse("absent(psi over 1d)"))
    assert expected is evaluate(expr, by_name({"psi": reading})).truth
