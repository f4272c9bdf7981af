"""The state machine: pending runs, firing stays, unknown changes nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from algovigil_processor.alert.evaluate.lifecycle import (
    AlertState,
    Identity,
    Timing,
    Transition,
    advance,
)
from algovigil_processor.alert.evaluate.readings import Subject

WHO = Identity("slow", Subject("m", "1"))
SECOND = 10**9
FOR = 300 * SECOND


def run(
    steps: list[tuple[int, bool | None]], for_ns: int = FOR, keep_ns: int = 0
) -> tuple[AlertState, list[Transition]]:
    """Advance through (seconds, truth) pairs."""
    state, seen = AlertState(), []
    for at, truth in steps:
        state, made = advance(WHO, state, truth, at * SECOND, Timing(for_ns, keep_ns))
        seen += made
    return state, seen


def phases(seen: list[Transition]) -> list[str]:
    """The states entered, in order."""
    return [step.after for step in seen]


def test_fires_after_its_duration_and_resolves() -> None:
    """A condition that holds for its duration fires once, and resolves once."""
    state, seen = run([(0, True), (299, True), (300, True), (400, True), (415, False)])
    assert ["pending", "firing", "resolved"] == phases(seen)
    assert [0, 300, 415] == [step.at_ns // SECOND for step in seen]
    assert len({step.incident_id for step in seen}) == 1
    assert AlertState() == state


def test_no_duration_fires_at_once() -> None:
    """A duration of 0 fires on the first true."""
    assert ["firing"] == phases(run([(5, True)], for_ns=0)[1])


def test_false_clears_pending_without_an_alert() -> None:
    """A condition that ends before its duration never fires, and its clock restarts."""
    _, seen = run([(0, True), (200, False), (210, True), (500, True)])
    assert ["pending", "inactive", "pending"] == phases(seen)


def test_unknown_never_resolves_nor_fires() -> None:
    """Unknown leaves every state as it is."""
    _, seen = run([(0, True), (300, True), (400, None), (9000, None)])
    assert ["pending", "firing"] == phases(seen)
    _, seen = run([(0, True), (300, None), (9000, None)])
    assert ["pending"] == phases(seen)


def test_pending_clock_runs_on_over_a_gap() -> None:
    """After downtime the stored start of the pending clock counts."""
    _, seen = run([(0, True), (3600, True)])
    assert ["pending", "firing"] == phases(seen)


def test_keeps_firing_after_the_end_of_its_condition() -> None:
    """An alert that is told to keep firing resolves only after that long of false."""
    steps = [(0, True), (10, False), (69, False), (70, True), (80, False), (139, None)]
    _, seen = run([*steps, (140, False)], for_ns=0, keep_ns=60 * SECOND)
    assert ["firing", "resolved"] == phases(seen)
    assert 140 == seen[-1].at_ns // SECOND


def test_unknown_does_not_end_the_time_of_keeping() -> None:
    """The end of that time is not an end: it takes a false to resolve."""
    steps = [(0, True), (10, False), (1000, None), (2000, None)]
    state, _ = run(steps, for_ns=0, keep_ns=60 * SECOND)
    assert "firing" == state.phase


def test_each_incident_has_an_id_of_its_own() -> None:
    """A second incident of one identity is not the first one again."""
    _, seen = run([(0, True), (10, False), (20, True)], for_ns=0)
    assert ["firing", "resolved", "firing"] == phases(seen)
    assert seen[0].incident_id == seen[1].incident_id != seen[2].incident_id


def test_a_clock_that_was_ahead_does_not_hold_an_alert_back() -> None:
    """When the clock is set back, the pending clock starts from the new time."""
    _, seen = run([(10_000, True), (100, True), (400, True)])
    assert ["pending", "firing"] == phases(seen)


@given(
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from([True, False, None]))),
    st.integers(0, 200),
)
def test_agrees_with_a_plain_model(
    ticks: list[tuple[int, bool | None]], for_seconds: int
) -> None:
    """On any series: firing needs the duration, resolving needs a false."""
    now, held_since, firing, expected = 0, None, False, []
    steps = []
    for gap, truth in ticks:
        now += gap
        steps.append((now, truth))
        if truth is None:
            continue
        if not truth:
            if firing:
                expected.append((now, "resolved"))
            elif held_since is not None:
                expected.append((now, "inactive"))
            held_since, firing = None, False
        elif not firing:
            fresh = held_since is None
            held_since = now if fresh else held_since
            if now - held_since >= for_seconds:
                firing = True
                expected.append((now, "firing"))
            elif fresh:
                expected.append((now, "pending"))
    _, seen = run(steps, for_ns=for_seconds * SECOND)
    assert expected == [(step.at_ns // SECOND, step.after) for step in seen]
