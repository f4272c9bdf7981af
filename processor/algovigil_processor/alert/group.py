"""When a group of incidents is told, and of what. Pure.

The rules are Alertmanager's (`dispatch/`, `notify/`, 0.25): the first message after
`wait`, changes at the ticks of `interval`, what still fires again after `repeat`; what
fired and ended unheard is not told. Beyond it: a critical incident does not wait, a
resolution is told although a mute has begun, and an escalation, the end of a mute or of
an acknowledgement is told at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil_processor.alert.escalate import Act

Reason: TypeAlias = Literal[
    "first",
    "new",
    "resolved",
    "all_resolved",
    "repeat",
    "escalated",
    "suppression_ended",
    "acknowledgement_expired",
    "acknowledged",
    "test",
]
Told: TypeAlias = Literal["", "firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of `Grouping`, in nanoseconds."""

    wait_ns: int
    interval_ns: int
    repeat_ns: int


@dataclass(frozen=True, slots=True)
class Member:
    """One incident, as one group of one channel knows it.

    `told` is what the channel was last told of it, `told_level` at which level;
    `unsent` that this telling still waits to be sent. `act` is what befell it just now.
    """

    incident_id: str
    critical: bool
    over: bool
    muted: bool = False
    acknowledged: bool = False
    level: int = 0
    told: Told = ""
    told_level: int = 0
    unsent: bool = False
    act: Act = ""


@dataclass(frozen=True, slots=True)
class Group:
    """When a group is looked at next, and when it was last told; 0 is never."""

    next_ns: int
    told_ns: int = 0
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a group came to; '' as `reason` tells nobody anything.

    `unheard` ended before anybody was told; the group forgets them.
    """

    group: Group
    reason: Reason | Literal[""] = ""
    firing: tuple[Member, ...] = ()
    resolved: tuple[Member, ...] = ()
    unheard: tuple[Member, ...] = ()


def begin(fired_ns: int, now_ns: int, timing: Timing) -> Group:
    """Return a group that begins with an incident fired at *fired_ns*."""
    return Group(max(now_ns, fired_ns + timing.wait_ns))


def look(group: Group, members: Sequence[Member], now_ns: int, timing: Timing) -> Look:
    """Return what is to be told of *group* at *now_ns*, and the group afterwards."""
    firing = tuple(m for m in members if not m.over and not m.muted)
    acknowledged = bool(firing) and all(m.acknowledged for m in firing)
    news: Reason | Literal[""] = ""
    if acknowledged and not group.acknowledged and group.told_ns:
        news = "acknowledged"
    urgent = _urgent(group, firing, now_ns, timing)
    if not urgent and not _due(group, now_ns, timing):
        after = replace(group, acknowledged=acknowledged)
        return Look(after, news, firing if news else ())
    resolved = tuple(m for m in members if m.over and m.told == "firing")
    unheard = tuple(m for m in members if m.over and not m.told)
    reason = urgent or _reason(group, firing, resolved, now_ns, timing)
    if reason:
        # a message that replaces one unsent repeats what that one had to say
        resolved += tuple(m for m in members if m.told == "resolved" and m.unsent)
    after = Group(
        _next(group, now_ns, timing),
        now_ns if reason else group.told_ns,
        acknowledged,
    )
    if not reason:
        return Look(after, news, firing if news else (), unheard=unheard)
    return Look(after, reason, firing, resolved, unheard)


def _urgent(
    group: Group, firing: Sequence[Member], now_ns: int, timing: Timing
) -> Reason | Literal[""]:
    """Return why the group is told at once, whatever its interval."""
    if any(m.level > m.told_level for m in firing):
        return "escalated"
    for act in ("suppression_ended", "acknowledgement_expired"):
        if any(m.act == act for m in firing):
            return act
    # one a `wait`, or a storm that trickles in would be a message each
    heard = group.told_ns + timing.wait_ns if group.told_ns else 0
    if any(m.critical and not m.told for m in firing) and now_ns >= heard:
        return "new" if group.told_ns else "first"
    return ""


def _reason(
    group: Group,
    firing: Sequence[Member],
    resolved: Sequence[Member],
    now_ns: int,
    timing: Timing,
) -> Reason | Literal[""]:
    if any(m.told != "firing" for m in firing):
        return "new" if group.told_ns else "first"
    if resolved:
        return "resolved" if firing else "all_resolved"
    unheard_of = any(not m.acknowledged for m in firing)
    if unheard_of and now_ns >= group.told_ns + timing.repeat_ns:
        return "repeat"
    return ""


def _due(group: Group, now_ns: int, timing: Timing) -> bool:
    # a clock that was ahead and is mended must not hold a group back
    longest = max(timing.wait_ns, timing.interval_ns)
    return group.next_ns <= now_ns or group.next_ns > now_ns + longest


def _next(group: Group, now_ns: int, timing: Timing) -> int:
    """Return the next tick: steady, unless ticks were missed."""
    steady = group.next_ns + timing.interval_ns
    return (
        steady
        if now_ns < steady <= now_ns + timing.interval_ns
        else (now_ns + timing.interval_ns)
    )
