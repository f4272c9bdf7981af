"""From open incidents to owed messages: one pass, in one transaction.

A pass reads what the database holds and writes what follows from it at a given time, so
a kill between two passes loses nothing: the next one finds the same and goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from algovigil.config.notify import LABELS
from algovigil_processor.alert import escalate, group, roster
from algovigil_processor.alert.deliver.owed import enqueue
from algovigil_processor.alert.group import Member
from algovigil_processor.alert.message import Item, Message, rank, worst
from algovigil_processor.alert.roster import Circle, Deed, Place
from algovigil_processor.alert.rules.grammar import parse
from algovigil_processor.alert.suppress import mutes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from algovigil_processor.alert.deliver import Courier
    from algovigil_processor.alert.group import Look, Told
    from algovigil_processor.alert.message import Event
    from algovigil_processor.alert.policy import Notifying
    from algovigil_processor.alert.roster import GroupKey, Open, Roster
    from algovigil_processor.alert.suppress import Mute
    from algovigil_processor.alert.turn import Turn
    from algovigil_processor.telemetry import Telemetry

TOO_MANY: Final = ""
"""The labels of the group that takes what would be one group too many."""
_NEW: Final = "?"  # the labels of a place that has no group yet
_SUBJECT: Final = LABELS[2:]
_LONGEST_SLEEP_NS: Final = 5 * 10**9


class Notifier:
    """Decides who is told; *api* is where links lead."""

    def __init__(
        self,
        rules: Notifying,
        couriers: Mapping[str, Courier],
        telemetry: Telemetry,
        api: str,
    ) -> None:
        self._rules: Final = rules
        self._couriers: Final = couriers
        self._telemetry: Final = telemetry
        self._api: Final = api.rstrip("/")

    def run(self, db: sa.Connection, now_ns: int, turns: Sequence[Turn] = ()) -> int:
        """Do what is due at *now_ns*; return when to look again, at the latest.

        *turns* are those of this transaction: an incident begins with its own.
        """
        book = roster.load(db, lock=True)
        before = dict(book.circles)
        turned = self._turn(book, turns)
        self._forget(book)
        muted = self.muted(db, book, now_ns)
        self._escalate(db, book, muted, turned, now_ns)
        self._place(book, now_ns)
        told = self._look(db, book, muted, now_ns)
        self._tidy(db, book)
        roster.save(db, book, before)
        for reason, times in told.items():
            self._telemetry.count("alert.notifications", times, reason=reason)
        return _wake(book, now_ns)

    def muted(
        self, db: sa.Connection, book: Roster, now_ns: int
    ) -> dict[str, tuple[Mute, ...]]:
        """Return what mutes each incident of *book* at *now_ns*."""
        found = mutes(
            book.columns(),
            [not one.over for one in book.incidents.values()],
            self._rules.inhibits,
            roster.silences(db, now_ns),
            self._rules.windows,
            now_ns,
        )
        return dict(zip(book.incidents, found, strict=True))

    def _escalate(
        self,
        db: sa.Connection,
        book: Roster,
        muted: Mapping[str, Sequence[Mute]],
        turned: Mapping[str, Turn],
        now_ns: int,
    ) -> None:
        """Begin what is new, and take each incident as far as it is due."""
        changed: list[Open] = []
        deeds: list[Deed] = []
        for one in book.incidents.values():
            before = one.course if one.row.begun else None
            if before is None:
                self._begin(book, one, turned.get(one.incident_id), now_ns)
            if not one.over:
                step = escalate.advance(
                    one.course, one.policy, now_ns, muted=bool(muted[one.incident_id])
                )
                one.course, one.act = step.course, step.act
                if step.act:
                    level = step.course.level if step.act == "escalated" else None
                    deeds.append(Deed(one.row, step.act, level))
                if step.act == "escalated":
                    self._rise(book, one)
                    self._telemetry.count("alert.escalations")
                    self._telemetry.gauge(
                        "alert.escalation_late_seconds", step.late_ns / 1e9
                    )
            if one.course != before or one.incident_id in turned:
                changed.append(one)
        roster.save_courses(db, changed)
        roster.add_deeds(db, deeds, now_ns)
        self._telemetry.gauge(
            "alert.muted_critical",
            sum(
                one.row.severity == "critical" and bool(muted[one.incident_id])
                for one in book.incidents.values()
                if not one.over
            ),
        )

    def _turn(self, book: Roster, turns: Sequence[Turn]) -> dict[str, Turn]:
        """Note the figures of *turns*; return them by incident."""
        turned = {turn.incident_id: turn for turn in turns}
        for incident_id in turned.keys() & book.incidents.keys():
            one, turn = book.incidents[incident_id], turned[incident_id]
            one.figures, one.replayed = json.dumps(turn.values), turn.replayed
        return turned

    def _begin(self, book: Roster, one: Open, turn: Turn | None, now_ns: int) -> None:
        channels = self._known(turn.channels if turn else ())
        one.policy = escalate.policy(self._rules.escalation, one.row.severity)
        one.course = escalate.begin(one.policy, now_ns, told=bool(channels))
        for channel in channels:
            book.put(Place(one.incident_id, channel, _NEW))

    def _rise(self, book: Roster, one: Open) -> None:
        assert one.policy is not None
        for channel in self._known(one.policy.levels[one.course.level - 1]):
            place = book.places.get((one.incident_id, channel))
            place = place or Place(one.incident_id, channel, _NEW)
            book.put(replace(place, level=one.course.level))

    def _known(self, channels: Sequence[str]) -> list[str]:
        # a channel that is gone since the incident began has nobody to tell
        return [name for name in dict.fromkeys(channels) if name in self._couriers]

    def _forget(self, book: Roster) -> None:
        """Drop the places of channels that are gone."""
        for place in list(book.places.values()):
            if place.channel not in self._couriers:
                book.drop(place)
        for key in [key for key in book.circles if key[0] not in self._couriers]:
            del book.circles[key]

    def _place(self, book: Roster, now_ns: int) -> None:
        """Give new members their group, the gravest first."""
        groups: dict[str, int] = defaultdict(int)
        for channel, labels in book.circles:
            groups[channel] += labels != TOO_MANY
        fresh = [place for place in book.places.values() if place.labels == _NEW]
        rows = {place.incident_id: book.incidents[place.incident_id] for place in fresh}
        fresh.sort(
            key=lambda place: (
                rank(rows[place.incident_id].row.severity),
                rows[place.incident_id].row.fired_ns,
            )
        )
        for place in fresh:
            one = rows[place.incident_id]
            labels = json.dumps(one.labels(self._rules.by))
            if (place.channel, labels) not in book.circles:
                if groups[place.channel] >= self._rules.most:
                    labels = TOO_MANY
                else:
                    groups[place.channel] += 1
            key = (place.channel, labels)
            if key not in book.circles:
                book.circles[key] = self._open(key, one.row.fired_ns, now_ns)
            book.put(Place(place.incident_id, place.channel, labels, place.level))

    def _open(self, key: GroupKey, fired_ns: int, now_ns: int) -> Circle:
        begun = group.begin(fired_ns, now_ns, self._rules.timing)
        return Circle(*key, _digest(*key, str(now_ns)), now_ns, 0, begun)

    def _look(
        self,
        db: sa.Connection,
        book: Roster,
        muted: Mapping[str, Sequence[Mute]],
        now_ns: int,
    ) -> dict[str, int]:
        """Look at each group, and owe what it is to be told; count by reason."""
        places: dict[GroupKey, list[Place]] = defaultdict(list)
        for place in book.places.values():
            places[place.channel, place.labels].append(place)
        told: dict[str, int] = defaultdict(int)
        for key, circle in list(book.circles.items()):
            members = [
                _member(place, book, muted, now_ns) for place in places.get(key, [])
            ]
            look = group.look(circle.state, members, now_ns, self._rules.timing)
            book.circles[key] = circle = replace(circle, state=look.group)
            for member in look.unheard:
                book.drop(book.places[member.incident_id, circle.channel])
            if look.reason:
                told[look.reason] += 1
                book.circles[key] = self._tell(db, book, circle, look, now_ns)
        return told

    def _tell(
        self, db: sa.Connection, book: Roster, circle: Circle, look: Look, now_ns: int
    ) -> Circle:
        courier = self._couriers[circle.channel]
        message_id = _digest(circle.group_id, str(circle.messages))
        acknowledged = look.reason == "acknowledged"
        if not acknowledged or courier.terms.hears_acknowledgements:
            message = self._message(book, circle, look, now_ns)
            enqueue(db, message, message_id, circle.channel, self._couriers, now_ns)
            book.unsent.add(message_id)
        if not acknowledged:
            for member in (*look.firing, *look.resolved):
                place = book.places[member.incident_id, circle.channel]
                said: Told = "resolved" if member.over else "firing"
                at = (place.incident_id, place.channel, place.labels, place.level)
                book.put(Place(*at, said, place.level, message_id))
        return replace(circle, messages=circle.messages + 1)

    def _message(
        self, book: Roster, circle: Circle, look: Look, now_ns: int
    ) -> Message:
        assert look.reason
        shown = [book.incidents[m.incident_id] for m in (*look.firing, *look.resolved)]
        grave = [one for one in shown if not one.over] or shown
        shown.sort(key=lambda one: (one.over, rank(one.row.severity), one.row.fired_ns))
        event: Event = "firing" if look.firing else "resolved"
        if look.reason == "acknowledged":
            event = "acknowledged"
        path = "/api/v1/alerts"
        if len(shown) == 1:
            path += f"/history?incident_id={shown[0].incident_id}"
        return Message(
            event,
            look.reason,
            worst([one.row.severity for one in grave]),
            now_ns,
            circle.group_id,
            tuple(map(tuple, json.loads(circle.labels or "[]"))),
            tuple(map(_item, shown[:20])),
            len(look.firing),
            len(look.resolved),
            max((member.level for member in look.firing), default=0),
            self._api + path,
        )

    def _tidy(self, db: sa.Connection, book: Roster) -> None:
        """Forget who has heard all there is, and settle what nobody waits for."""
        for place in list(book.places.values()):
            if place.told == "resolved" and place.message_id not in book.unsent:
                book.drop(place)
        waiting = {incident_id for incident_id, _ in book.places}
        peopled = {(place.channel, place.labels) for place in book.places.values()}
        roster.settle(
            db,
            [
                one.incident_id
                for one in book.incidents.values()
                if one.over and one.incident_id not in waiting
            ],
        )
        for key in [key for key in book.circles if key not in peopled]:
            del book.circles[key]


def _member(
    place: Place, book: Roster, muted: Mapping[str, Sequence[Mute]], now_ns: int
) -> Member:
    one = book.incidents[place.incident_id]
    return Member(
        place.incident_id,
        one.row.severity == "critical",
        one.over,
        bool(muted[place.incident_id]),
        one.course.acknowledged(now_ns),
        place.level,
        place.told,
        place.told_level,
        place.message_id in book.unsent,
        one.act,
    )


def _item(one: Open) -> Item:
    row = one.row
    return Item(
        row.incident_id,
        row.rule,
        row.severity,
        row.since_ns,
        tuple(one.labels(_SUBJECT)),
        parse(row.condition),
        tuple(map(tuple, json.loads(one.figures))),
        row.fired_ns,
        row.resolved_ns,
        row.ending,
        one.replayed,
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _wake(book: Roster, now_ns: int) -> int:
    dues = [circle.state.next_ns for circle in book.circles.values()]
    for one in book.incidents.values():
        dues += (one.course.step_ns, one.course.ack_until_ns)
    return min(
        (due for due in dues if due > now_ns), default=now_ns + _LONGEST_SLEEP_NS
    )
