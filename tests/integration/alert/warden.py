"""A processor's alerting that lives to be killed: it turns incidents, tells, and sends.

Run as `python warden.py <data directory> <settings as JSON>`. Each line on its input, a
seed, begins one life in a forked child and prints the child's pid; the child runs until
it is killed. `drain` begins a life that makes no more turns.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

import sqlalchemy as sa

from algovigil.config import MonitoringConfig
from algovigil_processor.alert import ledger
from algovigil_processor.alert.deliver import owed
from algovigil_processor.alert.delivery import Delivery
from algovigil_processor.alert.evaluate.lifecycle import Identity
from algovigil_processor.alert.evaluate.readings import Subject
from algovigil_processor.alert.rules.grammar import parse
from algovigil_processor.alert.tables import INCIDENTS, TABLES
from algovigil_processor.alert.turn import Turn
from algovigil_processor.state import State
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

CHANNELS = ("hook", "slack", "pager", "mail", "badtls")
MODELS = ("m0", "m1", "m2", "muted")
PERSON = "Dr. Thaddeus Quillmore, MRN 77120934"
"""A canary: who acknowledges, and why something is silenced."""
CONDITION = "latency_p95 > 2s"
_MOST_OPEN = 12


class Life:
    """One life of the processor."""

    def __init__(self, data_dir: Path, config: MonitoringConfig, seed: int) -> None:
        self.rng = random.Random(seed)
        self.state = State.open("", data_dir)
        self.state.create(TABLES)
        self.delivery = Delivery(
            self.state, config, Telemetry(), lambda _, text: text, self.rng
        )

    def live(self, turns: int) -> None:
        """Make *turns*, and work until killed."""
        for name, _, call in self.delivery.jobs():
            if name == "notify" or name.startswith("deliver"):
                threading.Thread(target=_again, args=(call,), daemon=True).start()
        for _ in range(turns):
            self.turn(time.time_ns())
            time.sleep(self.rng.uniform(0, 0.03))
        while True:
            time.sleep(1)

    def turn(self, now_ns: int) -> None:
        """Begin or end an incident, and tell of it, in one transaction."""
        with self.state.write() as db:
            rows = db.execute(
                sa.select(INCIDENTS).where(INCIDENTS.c.resolved_ns == 0)
            ).all()
            if len(rows) < _MOST_OPEN and (not rows or self.rng.random() < 0.5):
                turn = self._begin(db, now_ns)
            else:
                turn = _end(db, self.rng.choice(rows), now_ns)
            self.delivery.announce(db, [turn], now_ns)
        if rows and self.rng.random() < 0.2:
            row = self.rng.choice(rows)
            try:
                self.delivery.desk.acknowledge(row.incident_id, PERSON, now_ns, 0.02)
            except LookupError:
                return  # it ended meanwhile
        if self.rng.random() < 0.1:
            ends_ns = now_ns + 500_000_000
            self.delivery.desk.silence(
                ['model="muted"'], PERSON, PERSON, now_ns, ends_ns, now_ns
            )

    def _begin(self, db: sa.Connection, now_ns: int) -> Turn:
        subject = Subject(self.rng.choice(MODELS), "1")
        incident_id = hashlib.sha256(str(now_ns).encode()).hexdigest()[:32]
        turn = Turn(
            Identity("Slow", subject),
            incident_id,
            "critical",
            CHANNELS,
            now_ns,
            now_ns,
            condition=parse(CONDITION),
            values=(("latency_p95", 2500.0),),
        )
        db.execute(
            sa.insert(INCIDENTS).values(
                incident_id=incident_id,
                rule="Slow",
                severity="critical",
                **subject._asdict(),
                condition=CONDITION,
                since_ns=now_ns,
                fired_ns=now_ns,
                resolved_ns=0,
                ending="",
                value=2500.0,
            )
        )
        return turn


def _end(db: sa.Connection, row: sa.Row[tuple[object, ...]], now_ns: int) -> Turn:
    ledger.close_incidents(db, [row.incident_id], now_ns, "condition_false")
    return Turn(
        Identity("Slow", Subject(row.model, row.version)),
        row.incident_id,
        "critical",
        CHANNELS,
        row.since_ns,
        row.fired_ns,
        now_ns,
        "condition_false",
        parse(CONDITION),
        (("latency_p95", 100.0),),
    )


def _again(call: Callable[[int], object]) -> None:
    while True:
        call(time.time_ns())
        time.sleep(0.01)


def main() -> None:
    """Begin a life for each line of the input."""
    data_dir, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    config = MonitoringConfig.of(settings)
    owed.FAILOVER_NS["critical"] = 5_000_000_000  # 5 s instead of 2 min
    print("ready", flush=True)
    for line in sys.stdin:
        turns, seed = map(int, line.split())
        pid = os.fork()
        if not pid:
            Life(data_dir, config, seed).live(turns)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("over", flush=True)


if __name__ == "__main__":
    main()
