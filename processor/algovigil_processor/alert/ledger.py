"""What alerting writes down: states, incidents, transitions and the outbox.

Each function works inside a transaction that its caller holds, so that a transition
and the messages it owes are committed together or not at all.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from algovigil_processor.alert.lifecycle import AlertState, Identity
from algovigil_processor.alert.readings import Subject
from algovigil_processor.alert.tables import (
    INCIDENTS,
    OUTBOX,
    RULES,
    STATES,
    TRANSITIONS,
)
from algovigil_processor.alert.tree import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from algovigil_processor.alert.lifecycle import Transition
    from algovigil_processor.alert.message import Ending, Message
    from algovigil_processor.alert.rules import Rule

_STATE_KEY: Final = ("rule", "model", "version")


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule as an earlier run knew it."""

    name: str
    condition: str
    severity: str
    channels: tuple[str, ...]


def stored_rules(db: sa.Connection) -> dict[str, StoredRule]:
    """Return the rules of the run before, by name."""
    return {
        row.name: StoredRule(
            row.name, row.condition, row.severity, tuple(json.loads(row.channels))
        )
        for row in db.execute(sa.select(RULES))
    }


def replace_rules(db: sa.Connection, rules: Iterable[Rule], now_ns: int) -> None:
    """Make the stored rules *rules*, and no others."""
    db.execute(sa.delete(RULES))
    rows = [
        {
            "name": rule.name,
            "condition": render(rule.written),
            "severity": rule.severity,
            "for_ns": rule.for_ns,
            "channels": json.dumps(rule.channels),
            "updated_ns": now_ns,
        }
        for rule in rules
    ]
    if rows:
        db.execute(sa.insert(RULES), rows)


def states(db: sa.Connection) -> dict[Identity, AlertState]:
    """Return every identity that is pending or firing."""
    return {
        Identity(row.rule, Subject(row.model, row.version)): AlertState(
            row.phase, row.since_ns, row.fired_ns, row.incident_id
        )
        for row in db.execute(sa.select(STATES))
    }


def save_state(db: sa.Connection, identity: Identity, state: AlertState) -> None:
    """Store where *identity* stands; an inactive one leaves no row."""
    key = dict(zip(_STATE_KEY, (identity.rule, *identity.subject), strict=True))
    where = [STATES.c[name] == value for name, value in key.items()]
    db.execute(sa.delete(STATES).where(*where))
    if state.phase != "inactive":
        db.execute(
            sa.insert(STATES).values(
                **key,
                phase=state.phase,
                since_ns=state.since_ns,
                fired_ns=state.fired_ns,
                incident_id=state.incident_id,
            )
        )


def add_transitions(
    db: sa.Connection,
    identity: Identity,
    severity: str,
    steps: Sequence[Transition],
    value: float | None,
) -> None:
    """Write down *steps* of *identity*; *value* is the figure that made them."""
    if not steps:
        return
    db.execute(
        sa.insert(TRANSITIONS),
        [
            {
                "at_ns": step.at_ns,
                "incident_id": step.incident_id,
                "rule": identity.rule,
                "model": identity.subject.model,
                "severity": severity,
                "before": step.before,
                "after": step.after,
                "value": value,
                "reason": step.why,
                "mirrored": False,
            }
            for step in steps
        ],
    )


def open_incident(
    db: sa.Connection,
    identity: Identity,
    state: AlertState,
    rule: Rule,
    value: float | None,
) -> None:
    """Write down that *identity* began to fire; *value* is the figure that did it."""
    db.execute(
        sa.insert(INCIDENTS).values(
            incident_id=state.incident_id,
            rule=identity.rule,
            severity=rule.severity,
            model=identity.subject.model,
            version=identity.subject.version,
            condition=render(rule.written),
            since_ns=state.since_ns,
            fired_ns=state.fired_ns,
            resolved_ns=0,
            ending="",
            value=value,
        )
    )


def close_incident(
    db: sa.Connection, incident_id: str, now_ns: int, ending: Ending
) -> None:
    """End an incident, and say why."""
    db.execute(
        sa.update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == incident_id)
        .values(resolved_ns=now_ns, ending=ending)
    )


def delivery_id(incident_id: str, event: str, channel: str, target: str) -> str:
    """Return the idempotency key of one event for one target, which replays keep."""
    parts = "\0".join((incident_id, event, channel, target))
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def enqueue(
    db: sa.Connection,
    message: Message,
    targets: Mapping[str, Sequence[str]],
    now_ns: int,
) -> None:
    """Owe *message* to *targets*, by channel."""
    body = message.body()
    rows = [
        {
            "delivery_id": delivery_id(
                message.incident_id, message.event, channel, target
            ),
            "incident_id": message.incident_id,
            "channel": channel,
            "target": target,
            "event": message.event,
            "body": body,
            "created_ns": now_ns,
            "attempts": 0,
            "next_attempt_ns": now_ns,
            "state": "waiting",
        }
        for channel, names in targets.items()
        for target in names
    ]
    if rows:
        db.execute(sa.insert(OUTBOX), rows)


def incidents(
    db: sa.Connection, *, incident_id: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """Return incidents, the newest first."""
    query = sa.select(INCIDENTS).order_by(INCIDENTS.c.fired_ns.desc()).limit(limit)
    if incident_id is not None:
        query = query.where(INCIDENTS.c.incident_id == incident_id)
    return db.execute(query).mappings().all()
