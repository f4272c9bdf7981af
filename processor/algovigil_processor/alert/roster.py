"""Who is to be told of what, as the database has it: incidents, members, groups.

Each function works inside a transaction that its caller holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from algovigil.config.notify import LABELS
from algovigil_processor.alert.escalate import Course, Policy
from algovigil_processor.alert.group import Group
from algovigil_processor.alert.labels import matcher
from algovigil_processor.alert.suppress import Silence
from algovigil_processor.alert.tables import (
    GROUPS,
    INCIDENTS,
    MEMBERS,
    OUTBOX,
    SILENCES,
    TRANSITIONS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from algovigil_processor.alert.escalate import Act
    from algovigil_processor.alert.group import Told

GroupKey = tuple[str, str]
"""A channel and the labels of one of its groups, as `alert_groups` has them."""


@dataclass(slots=True)
class Open:
    """An incident that somebody is still to hear of, or may be."""

    row: sa.Row[Any]
    course: Course
    policy: Policy | None
    figures: str
    replayed: bool
    act: Act = ""

    @property
    def incident_id(self) -> str:
        """Its id."""
        return str(self.row.incident_id)

    @property
    def over(self) -> bool:
        """Whether it ended."""
        return bool(self.row.resolved_ns)

    def labels(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return some of its labels."""
        return [(name, getattr(self.row, name)) for name in names]


@dataclass(frozen=True, slots=True)
class Place:
    """One incident's place in a group of a channel."""

    incident_id: str
    channel: str
    labels: str
    level: int = 0
    told: Told = ""
    told_level: int = 0
    message_id: str = ""


_PLACE: Final = tuple(Place.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Circle:
    """One group of a channel: those who share messages."""

    channel: str
    labels: str
    group_id: str
    opened_ns: int
    messages: int
    state: Group


@dataclass(slots=True)
class Roster:
    """All of it, as one pass reads and changes it."""

    incidents: dict[str, Open]
    places: dict[tuple[str, str], Place]
    circles: dict[GroupKey, Circle]
    unsent: set[str]
    """Ids of messages that wait to be sent."""
    stored: frozenset[tuple[str, str]]
    """Places that the database has."""
    changed: set[tuple[str, str]] = field(default_factory=set)
    gone: set[tuple[str, str]] = field(default_factory=set)

    def columns(self) -> dict[str, list[str]]:
        """Return the labels of all incidents, by column."""
        rows = [one.row for one in self.incidents.values()]
        return {name: [getattr(row, name) for row in rows] for name in LABELS}

    def put(self, place: Place) -> None:
        """Add or change a place."""
        key = (place.incident_id, place.channel)
        self.places[key] = place
        self.changed.add(key)

    def drop(self, place: Place) -> None:
        """Forget a place."""
        key = (place.incident_id, place.channel)
        del self.places[key]
        self.changed.discard(key)
        self.gone.add(key)


def load(db: sa.Connection, *, lock: bool) -> Roster:
    """Read what is not settled; with *lock*, nobody else changes it meanwhile."""
    waiting = sa.select(OUTBOX.c.message_id).distinct()
    unsettled = sa.select(INCIDENTS).where(INCIDENTS.c.settled.is_(False))
    found = db.execute(unsettled.with_for_update() if lock else unsettled)
    incidents = {
        row.incident_id: Open(
            row,
            Course(row.level, row.step_ns, row.ack_until_ns, row.withheld_ns),
            Policy.of(row.policy),
            row.figures,
            row.replayed,
        )
        for row in found
    }
    found = db.execute(sa.select(*(MEMBERS.c[name] for name in _PLACE)))
    places = {(row.incident_id, row.channel): Place(*row) for row in found}
    circles = (
        Circle(
            row.channel,
            row.labels,
            row.group_id,
            row.opened_ns,
            row.messages,
            Group(row.next_ns, row.told_ns, row.acknowledged),
        )
        for row in db.execute(sa.select(GROUPS))
    )
    return Roster(
        incidents,
        places,
        {(circle.channel, circle.labels): circle for circle in circles},
        set(db.execute(waiting.where(OUTBOX.c.state == "waiting")).scalars()),
        frozenset(places),
    )


def save(db: sa.Connection, roster: Roster, before: Mapping[GroupKey, Circle]) -> None:
    """Write what changed of places and circles since *before*."""
    keys = [key for key in {*roster.changed, *roster.gone} if key in roster.stored]
    _each(
        db,
        sa.delete(MEMBERS).where(
            MEMBERS.c.incident_id == sa.bindparam("its_id"),
            MEMBERS.c.channel == sa.bindparam("its_channel"),
        ),
        [{"its_id": incident, "its_channel": channel} for incident, channel in keys],
    )
    places = [roster.places[key] for key in sorted(roster.changed)]
    rows: list[dict[str, object]] = [
        {name: getattr(place, name) for name in _PLACE} for place in places
    ]
    _each(db, sa.insert(MEMBERS), rows)
    changed = {
        key
        for key in {*before, *roster.circles}
        if before.get(key) != roster.circles.get(key)
    }
    _each(
        db,
        sa.delete(GROUPS).where(
            GROUPS.c.channel == sa.bindparam("its_channel"),
            GROUPS.c.labels == sa.bindparam("its_labels"),
        ),
        [{"its_channel": key[0], "its_labels": key[1]} for key in sorted(changed)],
    )
    circles = [roster.circles[key] for key in sorted(changed) if key in roster.circles]
    _each(
        db,
        sa.insert(GROUPS),
        [
            {
                "channel": circle.channel,
                "labels": circle.labels,
                "group_id": circle.group_id,
                "opened_ns": circle.opened_ns,
                "messages": circle.messages,
                "next_ns": circle.state.next_ns,
                "told_ns": circle.state.told_ns,
                "acknowledged": circle.state.acknowledged,
            }
            for circle in circles
        ],
    )


def save_courses(db: sa.Connection, incidents: Iterable[Open]) -> None:
    """Write how far *incidents* have come, under which policy, by what figures."""
    query = (
        sa.update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == sa.bindparam("its_id"))
        .values(
            policy=sa.bindparam("its_policy"),
            figures=sa.bindparam("its_figures"),
            replayed=sa.bindparam("its_replay"),
            level=sa.bindparam("its_level"),
            step_ns=sa.bindparam("its_step"),
            ack_until_ns=sa.bindparam("its_until"),
            withheld_ns=sa.bindparam("its_withheld"),
            begun=True,
        )
    )
    rows: list[dict[str, object]] = [
        {
            "its_id": one.incident_id,
            "its_policy": one.policy.text() if one.policy else "",
            "its_figures": one.figures,
            "its_replay": one.replayed,
            "its_level": one.course.level,
            "its_step": one.course.step_ns,
            "its_until": one.course.ack_until_ns,
            "its_withheld": one.course.withheld_ns,
        }
        for one in incidents
    ]
    _each(db, query, rows)


def settle(db: sa.Connection, incident_ids: Iterable[str]) -> None:
    """Note that all is told of *incident_ids* that will be."""
    query = (
        sa.update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == sa.bindparam("its_id"))
        .values(settled=True)
    )
    _each(db, query, [{"its_id": incident_id} for incident_id in incident_ids])


@dataclass(frozen=True, slots=True)
class Deed:
    """What befell an incident without a change of its condition, and by whom."""

    row: sa.Row[Any]
    why: str
    value: float | None = None
    actor: str = ""


def add_deeds(
    db: sa.Connection, deeds: Sequence[Deed], now_ns: int, *, after: str = "firing"
) -> None:
    """Write *deeds* into the history."""
    rows: list[dict[str, object]] = [
        {
            "at_ns": now_ns,
            "incident_id": deed.row.incident_id,
            "rule": deed.row.rule,
            **{name: getattr(deed.row, name) for name in LABELS[2:]},
            "severity": deed.row.severity,
            "before": "firing",
            "after": after,
            "value": deed.value,
            "reason": deed.why,
            "actor": deed.actor,
            "mirrored": False,
        }
        for deed in deeds
    ]
    _each(db, sa.insert(TRANSITIONS), rows)


def silences(db: sa.Connection, now_ns: int) -> list[Silence]:
    """Return the silences that are not over at *now_ns*."""
    query = sa.select(SILENCES).where(SILENCES.c.ends_ns > now_ns)
    return [
        Silence(
            row.silence_id,
            tuple(matcher(text) for text in json.loads(row.matchers)),
            row.starts_ns,
            row.ends_ns,
        )
        for row in db.execute(query)
    ]


def _each(
    db: sa.Connection, statement: sa.Executable, rows: list[dict[str, object]]
) -> None:
    """Run *statement* for all of *rows* at once; for none, not at all."""
    if rows:
        db.execute(statement, rows)
