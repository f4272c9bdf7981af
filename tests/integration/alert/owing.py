"""Alerting that owes one firing message, without a store to read."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NoReturn

from algovigil.config import Alerts, Channel, MonitoringConfig, Rule
from algovigil_processor.alert import Alerting
from algovigil_processor.alert.deliver.couriers import build
from algovigil_processor.alert.deliver.owed import enqueue
from algovigil_processor.alert.message import Item, Message
from algovigil_processor.alert.rules.grammar import parse
from algovigil_processor.state import State
from algovigil_processor.telemetry import Telemetry
from integration.alert.ward import LOOPBACK, SECOND, seal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from algovigil_processor.alert.message import Event

NOON = 1_800_000_000 * SECOND
INCIDENT = "0123456789abcdef" * 2
RULES = (Rule("Slow", "latency_p95 > 2 s", "critical"),)


class Away:
    """A store that is never there: delivery does without."""

    def insert(self, *_: object) -> NoReturn:
        """Fail."""
        raise ConnectionError

    query = insert


class Owing:
    """A state directory whose outbox can be filled by hand, and its alerting."""

    def __init__(self, data_dir: Path, channels: Mapping[str, Channel]) -> None:
        self.data_dir = data_dir
        self.config = MonitoringConfig(
            alerts=Alerts(rules=RULES, channels=channels, private_networks=LOOPBACK)
        )
        self._messages = 0
        self.telemetry = Telemetry()
        self.now_ns = NOON
        self.restart()

    def restart(self) -> None:
        """Begin again on the state that is there."""
        self.state = State.open("", self.data_dir)
        self.alerting = Alerting(
            Away(),
            seal,
            self.state,
            self.config,
            self.telemetry,
            rng=random.Random(7),
        )

    def owe(self, event: Event = "firing", incident_id: str = INCIDENT) -> None:
        """Commit a message about one incident to every target of every channel."""
        self._messages += 1
        over = event == "resolved"
        item = Item(
            incident_id,
            "Slow",
            "critical",
            NOON,
            (("model", "wdbc"), ("version", "1")),
            parse("latency_p95 > 2 s"),
            (("latency_p95", 2500.0),),
            NOON,
            NOON + SECOND if over else 0,
            "condition_false" if over else "",
        )
        message = Message(
            event,
            "all_resolved" if over else "first",
            "critical",
            self.now_ns,
            incident_id,
            (("model", "wdbc"),),
            (item,),
            int(not over),
            int(over),
        )
        couriers = build(self.config)
        with self.state.write() as db:
            for name in couriers:
                number = f"{self._messages} {incident_id}"
                enqueue(db, message, number, name, couriers, self.now_ns)

    def deliver(self, after: float = 0.0) -> int:
        """Deliver what is due *after* some seconds."""
        self.now_ns += int(after * SECOND)
        return self.alerting.deliver(self.now_ns)

    def outbox(self) -> list[tuple[str, int]]:
        """State and attempts of each delivery, in order."""
        with self.state.read() as db:
            rows = db.exec_driver_sql(
                "SELECT state, attempts FROM alert_outbox ORDER BY seq"
            )
            return [(state, attempts) for state, attempts in rows]

    def attempts(self) -> list[tuple[str, int]]:
        """Outcome and code of each attempt, in order."""
        with self.state.read() as db:
            rows = db.exec_driver_sql(
                "SELECT outcome, code FROM alert_attempts ORDER BY id"
            )
            return [(outcome, code) for outcome, code in rows]
