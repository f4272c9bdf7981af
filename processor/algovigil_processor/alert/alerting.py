"""`Alerting`: rules judged on the store, incidents kept, messages delivered.

A tick commits what changed and what is thereby owed in one transaction; delivery reads
only what was committed. So no message is invented, and none is lost to a kill.
"""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from algovigil_processor.alert import ledger
from algovigil_processor.alert.delivery import Delivery
from algovigil_processor.alert.evaluation import Evaluation
from algovigil_processor.alert.mirror import Mirror
from algovigil_processor.alert.rule_desk import RuleDesk
from algovigil_processor.alert.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import sqlalchemy as sa

    from algovigil.config import MonitoringConfig
    from algovigil_processor.alert.evaluate.lifecycle import AlertState, Identity
    from algovigil_processor.alert.evaluate.reader import Store
    from algovigil_processor.alert.turn import Turn
    from algovigil_processor.pipeline import Stage
    from algovigil_processor.state import State
    from algovigil_processor.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one rule stands on one subject, and what it last came to.

    `result` is '' until the first round; a firing alert whose result is `unknown`
    still fires: its data went away, its cause perhaps did not.
    """

    incident_id: str
    rule: str
    severity: str
    model: str
    version: str
    site: str
    subgroup: str
    phase: str
    since_ns: int
    fired_ns: int
    result: str
    reason: str
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident that fired, over or not; `resolved_ns` is 0 while it fires."""

    incident_id: str
    rule: str
    severity: str
    model: str
    version: str
    site: str
    subgroup: str
    condition: str
    since_ns: int
    fired_ns: int
    resolved_ns: int
    ending: str
    value: float | None


class Alerting:
    """The alerting of one processor: call `tick` from one thread, `deliver` from one.

    Everything else may be called from any thread.
    """

    def __init__(
        self,
        store: Store,
        redact: Stage,
        state: State,
        config: MonitoringConfig,
        telemetry: Telemetry,
        *,
        clean: Callable[[str, str], str] = lambda _, text: text,
        rng: random.Random | None = None,
    ) -> None:
        """Check rules and channels; open no connection but the state's.

        *clean* removes identifiers from what people write, given its key and text.

        Raises:
            ConfigError: a rule or a channel cannot be obeyed.
            StartError: the state is of another version.
        """
        alerts = config.alerts
        self._interval: Final = alerts.interval
        self.evaluation: Final = Evaluation(store, state, config, telemetry)
        state.create(TABLES)
        self._state: Final = state
        self._mirror: Final = Mirror(state, store, redact)
        self.delivery: Final = Delivery(
            state, config, telemetry, clean, rng or random.SystemRandom()
        )
        self.rules: Final = RuleDesk(
            self.evaluation,
            store,
            state,
            config,
            self._announce,
            self.delivery.channels(),
        )

    def tick(self, now_ns: int) -> None:
        """Judge every rule once, and commit what changed with what it owes."""
        self.evaluation.tick(now_ns, self._announce)
        self._mirror.run()

    def _announce(self, db: sa.Connection, turns: Sequence[Turn], now_ns: int) -> None:
        self.delivery.lease.confirm(db)
        self.delivery.announce(db, turns, now_ns)

    def deliver(self, now_ns: int) -> int:
        """Send what is due; return how many messages their receivers took."""
        sent = self.delivery.deliver(now_ns)
        self._mirror.run()
        return sent

    def jobs(self) -> list[tuple[str, float, Callable[[int], object]]]:
        """Return what is to be called, each on a thread of its own, and how often."""
        held = self.delivery.lease.held

        def tick(now_ns: int) -> None:
            if held():
                self.tick(now_ns)

        def mirror(_: int) -> None:
            if held():
                self._mirror.run()

        return [
            ("alert", self._interval, tick),
            ("mirror", min(self._interval, 1.0), mirror),
            *self.delivery.jobs(),
        ]

    def active(self) -> list[Standing]:
        """Return what is pending or firing, the oldest first."""
        with self._state.read() as db:
            known = ledger.states(db)
            severities = {r.name: r.severity for r in ledger.stored_rules(db).values()}
        return [
            self._standing(identity, state, severities.get(identity.rule, ""))
            for identity, state in sorted(known.items(), key=lambda at: at[1].since_ns)
        ]

    def history(
        self, *, incident_id: str | None = None, limit: int = 100
    ) -> list[Incident]:
        """Return incidents that fired, the newest first."""
        with self._state.read() as db:
            rows = ledger.incidents(db, incident_id=incident_id, limit=limit)
        names = [field.name for field in dataclasses.fields(Incident)]
        return [Incident(**{name: row[name] for name in names}) for row in rows]

    def _standing(
        self, identity: Identity, state: AlertState, severity: str
    ) -> Standing:
        verdict = self.evaluation.verdicts.get(identity)
        return Standing(
            state.incident_id,
            identity.rule,
            severity,
            *identity.subject,
            state.phase,
            state.since_ns,
            state.fired_ns,
            verdict.result if verdict else "",
            verdict.judgement.reason if verdict else "",
            dict(verdict.values) if verdict else {},
        )
