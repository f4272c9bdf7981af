"""What people do about alerts: acknowledge, resolve, silence, send again.

Each is one transaction, so that of an acknowledgement and an escalation at the same
moment one comes first, and the other sees it. Who did it is kept in the history; what
they wrote as a comment is cleaned of identifiers, kept, and never sent to anybody.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from algovigil.errors import ConfigError, explain
from algovigil_processor.alert import ledger, roster
from algovigil_processor.alert.deliver import owed
from algovigil_processor.alert.labels import could_match, matchers
from algovigil_processor.alert.message import label, line
from algovigil_processor.alert.roster import Deed
from algovigil_processor.alert.tables import INCIDENTS, OUTBOX, SILENCES, STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal

    from algovigil.config import Alerts, Escalation
    from algovigil_processor.state import State

_MINUTE_NS: Final = 60 * 10**9
_LONGEST_ACK: Final = 24 * 60.0  # minutes
_MOST_COMMENT: Final = 500


@dataclass(frozen=True, slots=True)
class SilenceView:
    """A silence as people see it; `muted` counts the incidents it keeps untold."""

    silence_id: str
    matchers: tuple[str, ...]
    author: str
    comment: str
    starts_ns: int
    ends_ns: int
    created_ns: int
    replaces: str


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery, and where it stands."""

    delivery_id: str
    channel: str
    target: str
    event: str
    severity: str
    state: str
    attempts: int
    created_ns: int
    next_attempt_ns: int


class Desk:
    """Takes what people ask for; *clean* removes identifiers from what they write."""

    def __init__(
        self,
        state: State,
        alerts: Alerts,
        escalation: Escalation,
        clean: Callable[[str, str], str],
        heard: Callable[[int], None],
    ) -> None:
        self._state: Final = state
        self._alerts: Final = alerts
        self._minutes: Final = escalation.acknowledge_time
        self._clean: Final = clean
        self._heard: Final = heard

    def acknowledge(
        self, incident_id: str, by: str, now_ns: int, minutes: float | None = None
    ) -> int:
        """Take an incident on for *minutes*; return until when.

        Raises:
            LookupError: no such incident is open.
            ConfigError: nobody does it, or for longer than a day.
        """
        minutes = self._minutes if minutes is None else minutes
        if not 0 < minutes <= _LONGEST_ACK:
            raise ConfigError(
                explain(f"{minutes:g} minutes", f"over 0, {_LONGEST_ACK:g} at most")
            )
        until_ns = now_ns + int(minutes * _MINUTE_NS)
        who = self._who(by)
        with self._state.write() as db:
            row = _open(db, incident_id)
            _change(db, incident_id, ack_by=who, ack_ns=now_ns, ack_until_ns=until_ns)
            roster.add_deeds(db, [Deed(row, "acknowledged", minutes, who)], now_ns)
        self._heard(now_ns)
        return until_ns

    def unacknowledge(self, incident_id: str, by: str, now_ns: int) -> None:
        """Give an incident back: it is told again, and escalates on.

        Raises:
            LookupError: no such incident is open and acknowledged.
            ConfigError: nobody does it.
        """
        who = self._who(by)
        with self._state.write() as db:
            row = _open(db, incident_id)
            if row.ack_until_ns <= now_ns:
                raise LookupError(f"incident {incident_id} is not acknowledged")
            # ends now, so that the next pass finds it expired
            _change(db, incident_id, ack_until_ns=now_ns)
            roster.add_deeds(db, [Deed(row, "unacknowledged", None, who)], now_ns)
        self._heard(now_ns)

    def resolve(self, incident_id: str, by: str, now_ns: int) -> None:
        """End an incident by hand; if its condition holds, another begins.

        Raises:
            LookupError: no such incident is open.
            ConfigError: nobody does it.
        """
        who = self._who(by)
        with self._state.write() as db:
            row = _open(db, incident_id)
            db.execute(sa.delete(STATES).where(STATES.c.incident_id == incident_id))
            ledger.close_incidents(db, [incident_id], now_ns, "manual")
            deed = Deed(row, "manual", None, who)
            roster.add_deeds(db, [deed], now_ns, after="resolved")
        self._heard(now_ns)

    def silence(
        self,
        wanted: Sequence[str],
        by: str,
        comment: str,
        starts_ns: int,
        ends_ns: int,
        now_ns: int,
        *,
        replaces: str = "",
    ) -> SilenceView:
        """Ask not to hear of what *wanted* match; the old one that it replaces ends.

        A silence is never changed: what it kept quiet stays to be read.

        Raises:
            ConfigError: matchers, times, author or comment are not fit.
            LookupError: there is none to replace.
        """
        who = self._who(by)
        said = self._clean("comment", line_of(comment))[:_MOST_COMMENT]
        if not said:
            raise ConfigError(explain("no comment", "why this is not to be heard"))
        read = matchers(wanted, "silence")
        self._check(
            ends_ns - max(starts_ns, now_ns), could_match(read, "severity", "critical")
        )
        texts = [str(one) for one in read]
        parts = (json.dumps(texts), str(starts_ns), str(ends_ns), str(now_ns), who)
        silence_id = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        row = {
            "silence_id": silence_id,
            "matchers": json.dumps(texts),
            "author": who,
            "comment": said,
            "starts_ns": max(starts_ns, now_ns),
            "ends_ns": ends_ns,
            "created_ns": now_ns,
            "replaces": replaces,
        }
        with self._state.write() as db:
            if replaces:
                _expire(db, replaces, who, now_ns)
            db.execute(sa.insert(SILENCES).values(row))
            _note(db, row, "created", who, now_ns)
        self._heard(now_ns)
        return SilenceView(**row | {"matchers": tuple(texts)})  # type: ignore[arg-type] # the row is the view's

    def expire(self, silence_id: str, by: str, now_ns: int) -> None:
        """End a silence now; one that is over stays so.

        Raises:
            LookupError: there is none of that id.
            ConfigError: nobody does it.
        """
        who = self._who(by)
        with self._state.write() as db:
            _expire(db, silence_id, who, now_ns)
        self._heard(now_ns)

    def silences(self, now_ns: int) -> list[SilenceView]:
        """Return the silences that are not over, the next to end first."""
        query = (
            sa.select(SILENCES)
            .where(SILENCES.c.ends_ns > now_ns)
            .order_by(SILENCES.c.ends_ns)
        )
        with self._state.read() as db:
            rows = db.execute(query).mappings().all()
        return [
            SilenceView(**{**row, "matchers": tuple(json.loads(row["matchers"]))})
            for row in rows
        ]

    def deliveries(self, state: str, limit: int) -> list[DeliveryView]:
        """Return deliveries in *state*, '' for any, the newest first."""
        names = DeliveryView.__dataclass_fields__
        query = sa.select(*(OUTBOX.c[name] for name in names))
        if state:
            query = query.where(OUTBOX.c.state == state)
        query = query.order_by(OUTBOX.c.seq.desc()).limit(limit)
        with self._state.read() as db:
            return [DeliveryView(**row) for row in db.execute(query).mappings()]

    def replay(self, delivery_id: str, now_ns: int) -> None:
        """Send a dead letter again, under its id.

        Raises:
            LookupError: there is none of that id.
        """
        with self._state.write() as db:
            if not owed.replay(db, delivery_id, now_ns):
                raise LookupError(f"no dead letter {line(delivery_id)}")

    def _who(self, by: str) -> str:
        who = label(self._clean("actor", by))
        if not who:
            raise ConfigError(explain("nobody's name", "who does this, as `by`"))
        return who

    def _check(self, length_ns: int, critical: bool) -> None:
        alerts = self._alerts
        most = alerts.longest_silence_critical if critical else alerts.longest_silence
        if not 0 < length_ns <= most * 1e9:
            raise ConfigError(
                explain(
                    f"a silence of {length_ns / 3.6e12:.3g} h",
                    f"one that ends in the future, {most / 3600:.3g} h at most",
                    'add `severity!="critical"` to silence for longer'
                    if critical
                    else "",
                )
            )


def line_of(text: str) -> str:
    """Return *text* on one line."""
    return " ".join(text.split())


def _open(db: sa.Connection, incident_id: str) -> sa.Row[Any]:
    query = sa.select(INCIDENTS).where(INCIDENTS.c.incident_id == incident_id)
    row = db.execute(query.with_for_update()).one_or_none()
    if row is None or row.resolved_ns:
        raise LookupError(f"no incident {line(incident_id)} is open")
    return row


def _change(db: sa.Connection, incident_id: str, **values: object) -> None:
    db.execute(
        sa.update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == incident_id)
        .values(**values)
    )


def _expire(db: sa.Connection, silence_id: str, who: str, now_ns: int) -> None:
    where = SILENCES.c.silence_id == silence_id
    row = db.execute(sa.select(SILENCES).where(where)).mappings().one_or_none()
    if row is None:
        raise LookupError(f"no silence {line(silence_id)}")
    if row["ends_ns"] <= now_ns:
        return
    db.execute(sa.update(SILENCES).where(where).values(ends_ns=now_ns))
    over = {"starts_ns": min(row["starts_ns"], now_ns), "ends_ns": now_ns}
    _note(db, {**row, **over}, "expired", who, now_ns)


def _note(
    db: sa.Connection,
    silence: Mapping[str, Any],
    action: Literal["created", "expired"],
    who: str,
    now_ns: int,
) -> None:
    """Write down who made or ended *silence*, a row of `SILENCES`."""
    said = {
        "matchers": json.loads(silence["matchers"]),
        "comment": silence["comment"],
    }
    ledger.add_change(
        db,
        now_ns,
        who,
        kind="silence",
        name=silence["silence_id"],
        action=action,
        **{"after" if action == "created" else "before": json.dumps(said)},
        starts_ns=silence["starts_ns"],
        ends_ns=silence["ends_ns"],
    )
