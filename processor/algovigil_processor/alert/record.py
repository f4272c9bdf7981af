"""Owe what incidents have to tell, inside the transaction that writes them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from algovigil_processor.alert.message import Message
from algovigil_processor.alert.tables import OUTBOX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from algovigil_processor.alert.deliver import Courier
    from algovigil_processor.alert.turn import Turn


class Recorder:
    """Owes each turn to the targets of its channels; *link* leads to an incident."""

    def __init__(self, couriers: Mapping[str, Courier], link: str) -> None:
        self._couriers: Final = couriers
        self._link: Final = link

    def announce(self, db: sa.Connection, turns: Sequence[Turn], now_ns: int) -> None:
        """Owe a message for each of *turns*, in order."""
        owed = [(self._message(t), self._targets(t.channels)) for t in turns]
        enqueue(db, owed, now_ns)

    def _message(self, turn: Turn) -> Message:
        subject = turn.identity.subject
        return Message(
            event="resolved" if turn.is_over else "firing",
            incident_id=turn.incident_id,
            rule=turn.identity.rule,
            severity=turn.severity,
            model=subject.model,
            version=subject.version,
            site=subject.site,
            subgroup=subject.subgroup,
            condition=turn.condition,
            values=turn.values,
            since_ns=turn.since_ns,
            fired_ns=turn.fired_ns,
            resolved_ns=turn.resolved_ns,
            ending=turn.ending,
            link=f"{self._link}?incident_id={turn.incident_id}",
        )

    def _targets(self, channels: Sequence[str]) -> dict[str, Sequence[str]]:
        # a channel that is gone since the rule was stored has nobody to tell
        return {
            name: self._couriers[name].targets
            for name in channels
            if name in self._couriers
        }


def delivery_id(incident_id: str, event: str, channel: str, target: str) -> str:
    """Return the idempotency key of one event for one target, which replays keep."""
    parts = "\0".join((incident_id, event, channel, target))
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def enqueue(
    db: sa.Connection,
    owed: Sequence[tuple[Message, Mapping[str, Sequence[str]]]],
    now_ns: int,
) -> None:
    """Owe each message to its targets, by channel, in order."""
    rows: list[dict[str, object]] = []
    for message, targets in owed:
        body = message.body()
        rows += [
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
