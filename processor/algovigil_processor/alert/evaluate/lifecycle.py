"""The life of an alert, pure: inactive, pending, firing, resolved.

Unknown changes nothing: it neither fires nor resolves, and a pending clock runs on.
One identity, a rule and a subject, has at most one incident open.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from algovigil_processor.alert.evaluate.readings import Subject

Phase: TypeAlias = Literal["inactive", "pending", "firing", "resolved"]
Why: TypeAlias = Literal[
    "condition_true", "condition_false", "rule_removed", "rule_changed"
]


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes two alerts one: the rule and the subject, not the severity."""

    rule: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class AlertState:
    """Where one identity stands; resolved is where an incident ends, not a stay.

    `since_ns` is when the condition first held, `fired_ns` when it had held long
    enough; both are 0 outside an incident. `ended_ns` is when the condition of an alert
    that keeps firing was first seen to have ended, 0 while it holds.
    """

    phase: Phase = "inactive"
    since_ns: int = 0
    fired_ns: int = 0
    incident_id: str = ""
    ended_ns: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a condition must hold to fire, and how long it fires on after its end.

    Prometheus' `for` and `keep_firing_for`, in nanoseconds.
    """

    for_ns: int = 0
    keep_ns: int = 0


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of one incident, and why."""

    at_ns: int
    incident_id: str
    before: Phase
    after: Phase
    why: Why


def incident_id(identity: Identity, since_ns: int) -> str:
    """Return the id of the incident that began at *since_ns*, which replays keep."""
    parts = (identity.rule, *identity.subject, str(since_ns))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def advance(
    identity: Identity,
    state: AlertState,
    truth: bool | None,
    now_ns: int,
    timing: Timing,
) -> tuple[AlertState, tuple[Transition, ...]]:
    """Return where *identity* stands once its condition is *truth* at *now_ns*.

    A condition that holds for `for_ns` fires; 0 fires at once. The clock runs from the
    stored `since_ns`, so that a restart does not begin it anew.
    """
    if truth is None:
        return state, ()
    if truth:
        return _held(identity, state, now_ns, timing.for_ns)
    if state.phase == "firing":
        return _let_go(state, now_ns, timing.keep_ns)
    if state.phase == "pending":
        return cleared(state, now_ns, "condition_false")
    return state, ()


def _held(
    identity: Identity, state: AlertState, now_ns: int, for_ns: int
) -> tuple[AlertState, tuple[Transition, ...]]:
    if state.phase == "firing":
        return replace(state, ended_ns=0), ()
    if state.phase != "pending":
        fresh = incident_id(identity, now_ns)
        state = AlertState("inactive", now_ns, 0, fresh)
    # a clock that was ahead and is mended must not keep the alert from firing
    since_ns = min(state.since_ns, now_ns)
    phase: Phase = "firing" if now_ns - since_ns >= for_ns else "pending"
    fired_ns = now_ns if phase == "firing" else 0
    after = AlertState(phase, since_ns, fired_ns, state.incident_id)
    if phase == state.phase:
        return after, ()
    step = Transition(now_ns, state.incident_id, state.phase, phase, "condition_true")
    return after, (step,)


def _let_go(
    state: AlertState, now_ns: int, keep_ns: int
) -> tuple[AlertState, tuple[Transition, ...]]:
    since_ns = min(state.ended_ns or now_ns, now_ns)
    if now_ns - since_ns < keep_ns:
        return replace(state, ended_ns=since_ns), ()
    return ended(state, now_ns, "condition_false")


def ended(
    state: AlertState, now_ns: int, why: Why
) -> tuple[AlertState, tuple[Transition, ...]]:
    """Return *state*, which fires, resolved."""
    step = Transition(now_ns, state.incident_id, "firing", "resolved", why)
    return AlertState(), (step,)


def cleared(
    state: AlertState, now_ns: int, why: Why
) -> tuple[AlertState, tuple[Transition, ...]]:
    """Return *state*, which is pending, inactive."""
    step = Transition(now_ns, state.incident_id, "pending", "inactive", why)
    return AlertState(), (step,)
