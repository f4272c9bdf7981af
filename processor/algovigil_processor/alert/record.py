"""Turn verdicts into what is kept and what is owed, inside the caller's transaction.

A firing alert is announced and opens an incident; a resolved one is announced and
closes it, with the reason: the condition ended, or its rule did.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, cast

from algovigil_processor.alert import ledger
from algovigil_processor.alert.lifecycle import cleared, ended
from algovigil_processor.alert.message import Message
from algovigil_processor.alert.tree import render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from algovigil_processor.alert.deliver import Courier
    from algovigil_processor.alert.judge import Verdict
    from algovigil_processor.alert.ledger import StoredRule
    from algovigil_processor.alert.lifecycle import AlertState, Identity
    from algovigil_processor.alert.message import Ending, Severity
    from algovigil_processor.alert.rules import Rule


class Recorder:
    """Writes states, incidents and owed messages; *link* leads to an incident."""

    def __init__(self, couriers: Mapping[str, Courier], link: str) -> None:
        self._couriers: Final = couriers
        self._link: Final = link

    def commit(self, db: sa.Connection, verdict: Verdict, now_ns: int) -> None:
        """Write down what *verdict* changed, if anything."""
        if verdict.after == verdict.before:
            return
        rule, identity = verdict.rule, verdict.identity
        ledger.save_state(db, identity, verdict.after)
        ledger.add_transitions(
            db, identity, rule.severity, verdict.steps, verdict.figure
        )
        for step in verdict.steps:
            if step.after == "firing":
                ledger.open_incident(db, identity, verdict.after, rule, verdict.figure)
                message = self._firing(identity, verdict.after, rule.severity)
            elif step.after == "resolved":
                message = self._end(
                    db,
                    identity,
                    verdict.before,
                    rule.severity,
                    now_ns,
                    "condition_false",
                )
            else:
                continue
            told = dataclasses.replace(
                message, condition=rule.written, values=verdict.values
            )
            ledger.enqueue(db, told, self._targets(rule.channels), now_ns)

    def keep_rules(self, db: sa.Connection, rules: Sequence[Rule], now_ns: int) -> None:
        """Store *rules*, and end what rules that are gone or changed had begun."""
        stored = ledger.stored_rules(db)
        written = {rule.name: render(rule.written) for rule in rules}
        for identity, state in ledger.states(db).items():
            old = stored[identity.rule]
            if identity.rule not in written:
                self._remove(db, identity, state, old, now_ns)
            elif state.phase == "pending" and old.condition != written[identity.rule]:
                after, steps = cleared(state, now_ns, "rule_changed")
                ledger.save_state(db, identity, after)
                ledger.add_transitions(db, identity, old.severity, steps, None)
        ledger.replace_rules(db, rules, now_ns)

    def _remove(
        self,
        db: sa.Connection,
        identity: Identity,
        state: AlertState,
        old: StoredRule,
        now_ns: int,
    ) -> None:
        severity = cast("Severity", old.severity)
        step = ended if state.phase == "firing" else cleared
        after, steps = step(state, now_ns, "rule_removed")
        ledger.save_state(db, identity, after)
        ledger.add_transitions(db, identity, severity, steps, None)
        if state.phase == "firing":
            message = self._end(db, identity, state, severity, now_ns, "rule_removed")
            ledger.enqueue(db, message, self._targets(old.channels), now_ns)

    def _end(
        self,
        db: sa.Connection,
        identity: Identity,
        state: AlertState,
        severity: Severity,
        now_ns: int,
        ending: Ending,
    ) -> Message:
        ledger.close_incident(db, state.incident_id, now_ns, ending)
        return dataclasses.replace(
            self._firing(identity, state, severity),
            event="resolved",
            resolved_ns=now_ns,
            ending=ending,
        )

    def _firing(
        self, identity: Identity, state: AlertState, severity: Severity
    ) -> Message:
        return Message(
            event="firing",
            incident_id=state.incident_id,
            rule=identity.rule,
            severity=severity,
            model=identity.subject.model,
            version=identity.subject.version,
            since_ns=state.since_ns,
            fired_ns=state.fired_ns,
            link=f"{self._link}?incident_id={state.incident_id}",
        )

    def _targets(self, channels: Sequence[str]) -> dict[str, Sequence[str]]:
        # a channel that is gone since the rule was stored has nobody to tell
        return {
            name: self._couriers[name].targets
            for name in channels
            if name in self._couriers
        }
