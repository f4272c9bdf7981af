"""Escalation: levels in order, held back by people and mutes, never in a burst."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algovigil.config import Escalation
from algovigil_processor.alert.escalate import Course, Policy, advance, begin, policy

MINUTE = 60 * 10**9
PERIOD = 15 * MINUTE
POLICY = Policy(PERIOD, (("email",), ("slack", "email"), ("pagerduty",)))


def play(
    start: Course, times: dict[int, bool], acks: dict[int, int] | None = None
) -> list[tuple[int, str, int]]:
    """Look at each minute of *times* (muted or not); return what happened when."""
    course, happened = start, []
    for minute, muted in times.items():
        if acks and minute in acks:
            course = Course(
                course.level, course.step_ns, acks[minute] * MINUTE, course.withheld_ns
            )
        step = advance(course, POLICY, minute * MINUTE, muted=muted)
        course = step.course
        if step.act:
            happened.append((minute, step.act, course.level))
    return happened


def every(first: int, last: int, muted: range = range(0)) -> dict[int, bool]:
    """Look each minute."""
    return {minute: minute in muted for minute in range(first, last)}


START = begin(POLICY, 0, told=True)


def test_levels_in_order_and_then_no_more() -> None:
    """Each level after its time, up to the last."""
    assert [(15, "escalated", 1), (30, "escalated", 2), (45, "escalated", 3)] == play(
        START, every(0, 500)
    )


def test_a_rule_that_tells_nobody_starts_with_level_one() -> None:
    """With no channels of its own, the first level is told at once."""
    first = begin(POLICY, MINUTE, told=False)
    assert [(1, "escalated", 1), (16, "escalated", 2)] == play(first, every(1, 20))


def test_fractions_of_minutes() -> None:
    """Half a second is a period, as in a demo."""
    read = policy(
        Escalation(escalation_time=0.5 / 60, escalation_channels={"level_1": ("a",)}),
        "critical",
    )
    assert read is not None
    assert (500_000_000, (("a",), (), ())) == (read.period_ns, read.levels)


def test_an_acknowledgement_holds_and_expires() -> None:
    """Taken on at 10 until 40: nothing till then; told again at 40, level 1 at 55."""
    happened = play(START, every(0, 60), {10: 40})
    assert [(40, "acknowledgement_expired", 0), (55, "escalated", 1)] == happened


@pytest.mark.parametrize(
    ("minute", "expected"),
    [
        (14, [(60, "acknowledgement_expired", 0)]),
        (15, [(60, "acknowledgement_expired", 0)]),
        (16, [(15, "escalated", 1), (60, "acknowledgement_expired", 1)]),
    ],
)
def test_acknowledged_at_the_edge_of_a_step(
    minute: int, expected: list[tuple[int, str, int]]
) -> None:
    """Whichever was first holds: an acknowledgement in time stops the step."""
    assert expected == play(START, every(0, 61), {minute: 60})


def test_maintenance_in_mid_chain() -> None:
    """No step while muted; at the end it is told again, and the chain goes on."""
    assert [
        (15, "escalated", 1),
        (20, "muted", 1),
        (50, "suppression_ended", 1),
        (65, "escalated", 2),
        (80, "escalated", 3),
    ] == play(START, every(0, 100, muted=range(20, 50)))


def test_downtime_is_made_up_by_one_step() -> None:
    """Away for three hours: one level at once, the next a full time later."""
    happened = play(START, {1: False} | every(180, 220))
    assert [
        (180, "escalated", 1),
        (195, "escalated", 2),
        (210, "escalated", 3),
    ] == happened
    step = advance(START, POLICY, 180 * MINUTE, muted=False)
    assert 165 * MINUTE == step.late_ns


def test_a_clock_put_back_does_not_hold_a_step_for_ever() -> None:
    """An hour back: the step is due one period from now, not in an hour and more."""
    course = begin(POLICY, 120 * MINUTE, told=True)
    course = advance(course, POLICY, 60 * MINUTE, muted=False).course
    assert 75 * MINUTE == course.step_ns


def test_a_policy_reads_back_as_the_incident_keeps_it() -> None:
    """The snapshot is the policy."""
    assert Policy.of(POLICY.text()) == POLICY
    assert Policy.of("") is None


def test_severities_that_do_not_escalate() -> None:
    """Info tells nobody else, by default."""
    some = Escalation(escalation_channels={"level_1": ("a",)})
    assert policy(some, "info") is None
    assert policy(some, "warning") is not None
    assert policy(Escalation(), "critical") is None


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.booleans(), st.sampled_from([0, 0, 5, 60])),
        max_size=60,
    )
)
def test_whatever_happens_levels_rise_by_one_and_never_while_held(
    looks: list[tuple[int, bool, int]],
) -> None:
    """At any times, muted or taken on in any order, no level is skipped or repeated."""
    course, now = START, 0
    for after, muted, taken in looks:
        now += after * MINUTE
        if taken:
            course = Course(
                course.level, course.step_ns, now + taken * MINUTE, course.withheld_ns
            )
        step = advance(course, POLICY, now, muted=muted)
        assert step.course.level - course.level == (step.act == "escalated")
        if muted or taken:
            assert step.act != "escalated"
        assert step.course.level <= 3
        if step.act == "escalated" and step.course.level < 3:
            assert step.course.step_ns == now + PERIOD
        course = step.course
