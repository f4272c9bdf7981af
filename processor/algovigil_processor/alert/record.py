"""Turn verdicts into what is kept and what is owed, inside the caller's transaction.

A firing alert is announced and opens an incident; a resolved one is announced and
closes it, with the reason: the condition ended, or its rule did.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, cast

from algovigil_processor.alert import ledger
from algovigil_processor.alert.ledger import Step
from algovigil_processor.alert.lifecycle import cleared, ended
from algovigil_processor.alert.message import Message
from algovigil_processor.alert.tree import render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from algovigil_processor.alert.deliver import Courier
    from algovigil_processor.alert.judge import Verdict
    from algovigil_processor.alert.ledger import StoredRule
    from algovigil_processor.alert.lifecycle import (
        AlertState,
        Identity,
        Phase,
        Transition,
    )
    from algovigil_processor.alert.message import Severity
    from algovigil_processor.alert.rules import Rule


class Recorder:
    """Writes states, incidents and owed messages; *link* leads to an incident."""

    def __init__(self, couriers: Mapping[str, Courier], link: str) -> None:
        self._couriers: Final = couriers
        self._link: Final = link

    def commit(
        self, db: sa.Connection, verdicts: Sequence[Verdict], now_ns: int
    ) -> None:
        """Write down what *verdicts* changed, and owe what is to be told."""
        changed = [v for v in verdicts if v.after != v.before]
        fired = [v for v in changed if _entered(v, "firing")]
        over = [v for v in changed if _entered(v, "resolved")]
        ledger.save_states(db, [(v.identity, v.after) for v in changed])
        ledger.add_steps(
            db,
            [
                Step(v.identity, v.rule.severity, step, v.figure)
                for v in changed
                for step in v.steps
            ],
        )
        ledger.open_incidents(db, fired)
        ledger.close_incidents(
            db, [v.before.incident_id for v in over], now_ns, "condition_false"
        )
        messages = [
            *((v, self._firing(v.identity, v.after, v.rule.severity)) for v in fired),
            *(
                (v, self._over(v.identity, v.before, v.rule.severity, now_ns))
                for v in over
            ),
        ]
        told = [
            (
                dataclasses.replace(
                    message, condition=verdict.rule.written, values=verdict.values
                ),
                self._targets(verdict.rule.channels),
            )
            for verdict, message in messages
        ]
        ledger.enqueue(db, told, now_ns)

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
                _step(db, identity, after, steps, old)
        ledger.replace_rules(db, rules, now_ns)

    def _remove(
        self,
        db: sa.Connection,
        identity: Identity,
        state: AlertState,
        old: StoredRule,
        now_ns: int,
    ) -> None:
        firing = state.phase == "firing"
        after, steps = (ended if firing else cleared)(state, now_ns, "rule_removed")
        _step(db, identity, after, steps, old)
        if firing:
            ledger.close_incidents(db, [state.incident_id], now_ns, "rule_removed")
            severity = cast("Severity", old.severity)
            message = dataclasses.replace(
                self._over(identity, state, severity, now_ns), ending="rule_removed"
            )
            ledger.enqueue(db, [(message, self._targets(old.channels))], now_ns)

    def _over(
        self, identity: Identity, state: AlertState, severity: Severity, now_ns: int
    ) -> Message:
        return dataclasses.replace(
            self._firing(identity, state, severity),
            event="resolved",
            resolved_ns=now_ns,
            ending="condition_false",
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


def _entered(verdict: Verdict, phase: Phase) -> bool:
    return any(step.after == phase for step in verdict.steps)


def _step(
    db: sa.Connection,
    identity: Identity,
    after: AlertState,
    steps: Sequence[Transition],
    old: StoredRule,
) -> None:
    """Write down *steps* that no condition made."""
    ledger.save_states(db, [(identity, after)])
    ledger.add_steps(db, [Step(identity, old.severity, step, None) for step in steps])
