"""Who else is told of an incident that nobody acknowledges. Pure.

An incident carries the policy it fired under, so that an edit does not reach it. Its
next step is due at a stored time; after downtime at most one step is made up for, and
the next counts from then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil.config import Escalation

Act: TypeAlias = Literal[
    "", "escalated", "acknowledgement_expired", "muted", "suppression_ended"
]
_MINUTE_NS: Final = 60 * 10**9


@dataclass(frozen=True, slots=True)
class Policy:
    """Levels 1, 2, ... and the channels of each; a level may have none."""

    period_ns: int
    levels: tuple[tuple[str, ...], ...]

    @lru_cache(maxsize=64)  # noqa: B019 # policies are few, and equal ones are one
    def text(self) -> str:
        """Return the policy as the incident keeps it."""
        return json.dumps({"period_ns": self.period_ns, "levels": self.levels})

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, text: str) -> Policy | None:
        """Read what `text` wrote; '' is no policy."""
        if not text:
            return None
        read = json.loads(text)
        return cls(read["period_ns"], tuple(map(tuple, read["levels"])))


def policy(escalation: Escalation, severity: str) -> Policy | None:
    """Return the policy for incidents of *severity*; None when they do not escalate."""
    channels = escalation.escalation_channels
    if not channels or severity not in escalation.severities:
        return None
    return Policy(
        int(escalation.escalation_time * _MINUTE_NS),
        tuple(
            tuple(channels.get(f"level_{number}", ()))
            for number in range(1, escalation.max_level + 1)
        ),
    )


@dataclass(frozen=True, slots=True)
class Course:
    """How far an incident has escalated, and who holds it back.

    `step_ns` is when the next level is due, 0 when there is none. An acknowledgement
    lasts to `ack_until_ns`, 0 without one; `withheld_ns` is since when a mute has kept
    the incident from being told, 0 while nothing does.
    """

    level: int = 0
    step_ns: int = 0
    ack_until_ns: int = 0
    withheld_ns: int = 0

    def acknowledged(self, now_ns: int) -> bool:
        """Tell whether somebody has taken the incident on."""
        return now_ns < self.ack_until_ns


@dataclass(frozen=True, slots=True)
class Step:
    """What one look at an incident came to."""

    course: Course
    act: Act = ""
    late_ns: int = 0


def begin(policy: Policy | None, now_ns: int, *, told: bool) -> Course:
    """Return the course of an incident that fired; untold, level 1 is due at once."""
    if policy is None:
        return Course()
    return Course(step_ns=now_ns + policy.period_ns if told else now_ns)


def advance(course: Course, policy: Policy | None, now_ns: int, *, muted: bool) -> Step:
    """Return the one thing that is due on a firing incident at *now_ns*."""
    if muted:
        return _mute(course, now_ns)
    withheld, course = course.withheld_ns, replace(course, withheld_ns=0)
    if course.acknowledged(now_ns):
        return Step(course)
    if withheld:
        course = replace(course, ack_until_ns=0)
        return Step(_restart(course, policy, now_ns), "suppression_ended")
    if course.ack_until_ns:
        course = replace(course, ack_until_ns=0)
        return Step(_restart(course, policy, now_ns), "acknowledgement_expired")
    # a clock that was ahead and is mended must not hold a step back
    if policy is not None and course.step_ns > now_ns + policy.period_ns:
        course = replace(course, step_ns=now_ns + policy.period_ns)
    if policy is None or not 0 < course.step_ns <= now_ns:
        return Step(course)
    risen = replace(course, level=course.level + 1)
    late_ns = now_ns - course.step_ns
    return Step(_restart(risen, policy, now_ns), "escalated", late_ns)


def _mute(course: Course, now_ns: int) -> Step:
    if course.withheld_ns:
        return Step(course)
    return Step(replace(course, withheld_ns=now_ns), "muted")


def _restart(course: Course, policy: Policy | None, now_ns: int) -> Course:
    """Count to the next level from now, if one is left."""
    left = policy is not None and course.level < len(policy.levels)
    step_ns = now_ns + policy.period_ns if policy is not None and left else 0
    return replace(course, step_ns=step_ns)


def channels_by_level(policy: Policy, level: int) -> Mapping[str, int]:
    """Return who is told once *level* is reached, by the last level that names them."""
    found: dict[str, int] = {}
    for number, names in enumerate(policy.levels[:level], 1):
        found |= dict.fromkeys(names, number)
    return found
