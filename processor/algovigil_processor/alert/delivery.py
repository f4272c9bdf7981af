"""All that happens after a turn: who is told, sending it, and what people do about it.

What a turn owes is written in the transaction of the turn; everything later reads only
what was committed. So no message is invented, and none is lost to a kill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from algovigil_processor.alert import roster
from algovigil_processor.alert.by_hand import open_by_hand
from algovigil_processor.alert.deliver.couriers import build
from algovigil_processor.alert.deliver.outbox import Outbox
from algovigil_processor.alert.desk import Desk
from algovigil_processor.alert.lease import Lease, Lost
from algovigil_processor.alert.message import Message, label
from algovigil_processor.alert.notify import Notifier
from algovigil_processor.alert.policy import notifying
from algovigil_processor.alert.prune import prune
from algovigil_processor.alert.watchdog import Watchdog

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    import sqlalchemy as sa

    from algovigil.config import MonitoringConfig
    from algovigil_processor.alert.deliver.owed import Attempt
    from algovigil_processor.alert.evaluate.readings import Subject
    from algovigil_processor.alert.suppress import Mute
    from algovigil_processor.alert.turn import Turn
    from algovigil_processor.state import State
    from algovigil_processor.telemetry import Telemetry

_PACE: Final = 1.0  # seconds between looks at what is due
_PRUNE_PACE: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Handling:
    """Who takes care of an open incident; three things apart from its condition.

    `acknowledged_by` is '' and `until_ns` 0 while nobody does.
    """

    level: int
    acknowledged_by: str
    until_ns: int
    mutes: tuple[Mute, ...]


class Delivery:
    """Tells people, by the settings of one processor. Thread safe."""

    def __init__(
        self,
        state: State,
        config: MonitoringConfig,
        telemetry: Telemetry,
        clean: Callable[[str, str], str],
        rng: random.Random,
    ) -> None:
        """Check channels and policy.

        Raises:
            ConfigError: a channel or the policy cannot be obeyed.
        """
        alerts = config.alerts
        self._state: Final = state
        self._telemetry: Final = telemetry
        self._couriers: Final = build(config)
        self._notifier: Final = Notifier(
            notifying(alerts, config.escalation),
            self._couriers,
            telemetry,
            config.processor.api,
        )
        self._outbox: Final = Outbox(state, self._couriers, telemetry, rng)
        self._heartbeat: Final = alerts.heartbeat.interval
        self._keep_ns: Final = int(alerts.keep_days * 86_400e9)
        self._wake_ns = 0
        self.lease: Final = Lease(state)
        self.watchdog: Final = Watchdog(state, alerts, telemetry)
        self.desk: Final = Desk(state, alerts, config.escalation, clean, self._heard)

    def announce(self, db: sa.Connection, turns: Sequence[Turn], now_ns: int) -> None:
        """Owe what *turns*, and all that is due with them, have to tell."""
        self._wake_ns = self._notifier.run(db, now_ns, turns)

    def trigger(self, rule: str, subject: Subject, by: str, now_ns: int) -> str:
        """Open an incident of *rule* by hand, told like any other; return its id.

        It lasts until somebody resolves it: no condition made it, none ends it.

        Raises:
            LookupError: there is no such rule.
        """
        with self._state.write() as db:
            self.lease.confirm(db)
            turn = open_by_hand(db, rule, subject, now_ns)
            row = roster.load(db, lock=True).incidents[turn.incident_id].row
            roster.add_deeds(db, [roster.Deed(row, "manual", None, label(by))], now_ns)
            self.announce(db, [turn], now_ns)
        return turn.incident_id

    def notify(self, now_ns: int) -> None:
        """Owe what is due without a turn: repeats, escalations, ends of mutes."""
        asleep_ns = self._wake_ns - now_ns
        # one that sleeps for long does so by a clock that has been put back
        if 0 < asleep_ns <= 10 * _PACE * 1e9:
            return
        with self._state.write() as db:
            self.lease.confirm(db)
            self._wake_ns = self._notifier.run(db, now_ns)

    def deliver(self, now_ns: int, channel: str = "") -> int:
        """Send what is due on *channel*, '' for all; return how many were taken."""
        return self._outbox.deliver(now_ns, channel)

    def handling(self, now_ns: int) -> dict[str, Handling]:
        """Return who takes care of each open incident, and what mutes it."""
        with self._state.read() as db:
            book = roster.load(db, lock=False)
            mutes = self._notifier.muted(db, book, now_ns)
        return {
            one.incident_id: Handling(
                one.course.level,
                one.row.ack_by if one.course.acknowledged(now_ns) else "",
                one.course.ack_until_ns if one.course.acknowledged(now_ns) else 0,
                mutes[one.incident_id],
            )
            for one in book.incidents.values()
            if not one.over
        }

    def channels(self) -> tuple[str, ...]:
        """Return the names of the channels."""
        return tuple(self._couriers)

    def test_channel(self, name: str, now_ns: int) -> list[Attempt]:
        """Send a real test message by the channel *name*; return what happened.

        Raises:
            KeyError: there is no such channel.
        """
        return self._outbox.test(name, Message("test", "test", "info", now_ns), now_ns)

    def jobs(self) -> list[tuple[str, float, Callable[[int], object]]]:
        """Return what is to be called, each on a thread of its own, and how often."""

        def lane(name: str) -> Callable[[int], object]:
            return lambda now_ns: self.lease.held() and self.deliver(now_ns, name)

        return [
            ("notify", _PACE, self._lead),
            ("audit", self._heartbeat, self._audit),
            ("prune", _PRUNE_PACE, self._prune),
            *((f"deliver {name}", _PACE, lane(name)) for name in self._couriers),
        ]

    def _audit(self, now_ns: int) -> None:
        if self.lease.held():
            self.watchdog.beat(now_ns)

    def _prune(self, now_ns: int) -> None:
        if self.lease.held():
            prune(self._state, now_ns - self._keep_ns)

    def _lead(self, now_ns: int) -> None:
        held = self.lease.held()
        self._telemetry.gauge("alert.leads", float(held))
        if not held:
            return
        try:
            self.notify(now_ns)
        except Lost:
            return  # another replica took over in between

    def _heard(self, now_ns: int) -> None:
        """Look at once at what a person did."""
        self._wake_ns = 0
        self._lead(now_ns)
