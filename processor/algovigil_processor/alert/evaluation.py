"""`Evaluation`: every slot judged once, on the store, and written down as it is told.

What a tick finds due it reads first, without a lock. One transaction then judges it
and commits states, incidents, the slot itself and what is thereby owed: a kill leaves
all of it or nothing, and two processors never judge one slot twice.
"""

from __future__ import annotations

import collections
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from algovigil_processor.alert import ledger
from algovigil_processor.alert.evaluate.judge import judge
from algovigil_processor.alert.evaluate.lag import Lag
from algovigil_processor.alert.evaluate.reader import Reader
from algovigil_processor.alert.evaluate.readings import Readings
from algovigil_processor.alert.evaluate.slots import MOST_REPLAYED, Schedule
from algovigil_processor.alert.keep import keep, settled
from algovigil_processor.alert.rulebook import Rulebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import sqlalchemy as sa

    from algovigil.config import MonitoringConfig
    from algovigil_processor.alert.evaluate.judge import Verdict
    from algovigil_processor.alert.evaluate.lifecycle import AlertState, Identity
    from algovigil_processor.alert.evaluate.reader import Store
    from algovigil_processor.alert.evaluate.slots import Due
    from algovigil_processor.alert.rules.compile import Rule
    from algovigil_processor.alert.rules.metrics import Source
    from algovigil_processor.alert.rules.needs import Need
    from algovigil_processor.alert.turn import Turn
    from algovigil_processor.state import State
    from algovigil_processor.telemetry import Gauge, Telemetry

    Announce: TypeAlias = Callable[[sa.Connection, Sequence[Turn], int], None]

_MOST_JUDGED: Final = 200_000
"""Judgements of one catch-up; with very many rules it looks at fewer slots."""


@dataclass(frozen=True, slots=True)
class _Slot:
    at_ns: int
    readings: Readings


class Evaluation:
    """Judges rules slot by slot. Call `tick` from one thread."""

    def __init__(
        self,
        store: Store,
        state: State,
        config: MonitoringConfig,
        telemetry: Telemetry,
    ) -> None:
        """Check the rules; touch neither store nor state.

        Raises:
            ConfigError: a rule cannot be obeyed.
        """
        alerts = config.alerts
        self.book: Final = Rulebook(config)
        self._window: Final = alerts.window
        self._reader: Final = Reader(store, valid_seconds(config))
        self._lag: Final = Lag(store, alerts.max_delay)
        self._schedule: Final = Schedule(
            int(alerts.interval * 1e9), int(alerts.replay * 1e9)
        )
        self._min_samples: Final = alerts.min_samples
        self._state: Final = state
        self._telemetry: Final = telemetry
        self.rules: Sequence[Rule] = self.book.fixed
        self.verdicts: Mapping[Identity, Verdict] = {}

    def tick(self, now_ns: int, announce: Announce) -> None:
        """Judge what is due at *now_ns*; *announce* is told in the transaction."""
        begun = time.perf_counter()
        with self._state.read() as db:
            last_ns = ledger.last_slot(db)
            rules = self.book.in_force(db)
        due = self._schedule.due(last_ns, now_ns, self._most_replayed(rules))
        if not due.slots:
            return
        slots = self._read(due, needed(rules))
        with self._state.write() as db:
            if ledger.last_slot(db) != last_ns:
                return  # another processor judged these
            turns = self.book.begin(db, now_ns)
            rules = self.book.in_force(db)  # one may have changed since the reading
            for told in self._judged(db, rules, slots):
                turns += told
            ledger.set_last_slot(db, slots[-1].at_ns)
            announce(db, settled(turns), now_ns)
        self.book.begun()
        self._count(due, time.perf_counter() - begun)

    def _most_replayed(self, rules: Sequence[Rule]) -> int:
        each = max(len(self.verdicts), len(rules), 1)
        return max(min(MOST_REPLAYED, _MOST_JUDGED // each), 10)

    def _read(self, due: Due, needs: frozenset[Need]) -> list[_Slot]:
        self._lag.observe(due.slots[-1])
        return [_Slot(at_ns, self._readings(at_ns, needs)) for at_ns in due.slots]

    def _readings(self, at_ns: int, needs: frozenset[Need]) -> Readings:
        found = self._reader.read(at_ns - self._lag.delay_ns, needs)
        calls = (need for need in needs if self._reader.is_of_calls(need))
        stale = self._lag.stale(calls, self._window)
        failed = dict.fromkeys(stale, "stale_ingest") | dict(found.failed)
        return Readings(found.values, failed, found.roster)  # type: ignore[arg-type] # the words are reasons

    def _judged(
        self, db: sa.Connection, rules: Sequence[Rule], slots: Sequence[_Slot]
    ) -> Iterator[list[Turn]]:
        states: dict[Identity, AlertState] = ledger.states(db)
        for slot in slots:
            verdicts = list(
                judge(
                    rules,
                    slot.readings,
                    states,
                    slot.at_ns,
                    min_samples=self._min_samples,
                )
            )
            yield keep(db, verdicts, slot.at_ns, replayed=slot is not slots[-1])
            states |= {v.identity: v.after for v in verdicts if v.after != v.before}
            states = {who: s for who, s in states.items() if s.phase != "inactive"}
            self.verdicts = {verdict.identity: verdict for verdict in verdicts}
        self.rules = rules

    def _count(self, due: Due, seconds: float) -> None:
        results = collections.Counter(v.result for v in self.verdicts.values())
        for result, times in results.items():
            self._telemetry.count("alert.evaluations", times, result=result)
        self._telemetry.count("alert.slots", result="judged")
        if replayed := len(due.slots) - 1:
            self._telemetry.count("alert.slots", replayed, result="replayed")
        if due.missed:
            self._telemetry.count("alert.slots", due.missed, result="missed")
        firing = sum(v.after.phase == "firing" for v in self.verdicts.values())
        gauges: tuple[tuple[Gauge, float], ...] = (
            ("alert.last_slot_seconds", due.slots[-1] / 1e9),
            ("alert.tick_seconds", seconds),
            ("alert.ingest_lag_seconds", self._lag.seconds),
            ("alert.rules", float(len(self.rules))),
            ("alert.firing", float(firing)),
        )
        for name, value in gauges:
            self._telemetry.gauge(name, value)


def needed(rules: Sequence[Rule]) -> frozenset[Need]:
    """Return everything that *rules* read."""
    return frozenset().union(*(rule.needs for rule in rules))


def valid_seconds(config: MonitoringConfig) -> dict[Source, float]:
    """Return how long a value of each source stands for the present."""
    window = config.alerts.window
    return {
        "calls": window,
        "resources": window,
        # what is computed once an hour stands until the next is clearly overdue
        "clinical": max(window, 2 * config.clinical.interval),
        "drift": max(window, 2 * config.drift_detection.interval),
        "processor": max(window, 2 * config.storage.own_metrics_seconds),
    }
