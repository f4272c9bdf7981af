"""Write down what verdicts changed, and return the turns that delivery must tell.

Everything here happens inside the caller's transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from algovigil_processor.alert import ledger
from algovigil_processor.alert.evaluate.lifecycle import cleared, ended
from algovigil_processor.alert.ledger import Step
from algovigil_processor.alert.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from algovigil_processor.alert.evaluate.judge import Verdict
    from algovigil_processor.alert.evaluate.lifecycle import (
        AlertState,
        Identity,
        Phase,
    )
    from algovigil_processor.alert.ledger import StoredRule
    from algovigil_processor.alert.rules.compile import Rule
    from algovigil_processor.alert.turn import Severity


def keep(
    db: sa.Connection,
    verdicts: Sequence[Verdict],
    now_ns: int,
    *,
    replayed: bool = False,
) -> list[Turn]:
    """Write down what *verdicts* changed at *now_ns*; the firing turns come first."""
    changed = [v for v in verdicts if v.after != v.before]
    fired = [v for v in changed if _entered(v, "firing")]
    over = [v for v in changed if _entered(v, "resolved")]
    ledger.save_states(db, [(v.identity, v.after) for v in changed])
    steps = [
        Step(v.identity, v.rule.severity, step, v.figure, replayed)
        for v in changed
        for step in v.steps
    ]
    ledger.add_steps(db, steps)
    ledger.open_incidents(db, fired)
    ended_ids = [v.before.incident_id for v in over]
    ledger.close_incidents(db, ended_ids, now_ns, "condition_false")
    return [
        *(_turn(v, v.after, replayed=replayed) for v in fired),
        *(_turn(v, v.before, now_ns, replayed=replayed) for v in over),
    ]


def settled(turns: Sequence[Turn]) -> list[Turn]:
    """Return what of *turns* is still news at their end.

    An incident that fired and ended before anybody could have been told is history.
    """
    fired = {turn.incident_id for turn in turns if not turn.is_over}
    over = {turn.incident_id for turn in turns if turn.is_over}
    return [turn for turn in turns if turn.incident_id not in fired & over]


def _entered(verdict: Verdict, phase: Phase) -> bool:
    return any(step.after == phase for step in verdict.steps)


def _turn(
    verdict: Verdict, state: AlertState, resolved_ns: int = 0, *, replayed: bool
) -> Turn:
    return Turn(
        verdict.identity,
        state.incident_id,
        verdict.rule.severity,
        verdict.rule.channels,
        state.since_ns,
        state.fired_ns,
        resolved_ns,
        "condition_false" if resolved_ns else "",
        verdict.rule.written,
        verdict.values,
        replayed,
    )


def change_rules(
    db: sa.Connection, rules: Sequence[Rule], actor: str, now_ns: int
) -> list[Turn]:
    """Store *rules*, and end what rules that are gone or changed had begun.

    Rules that were set over REST stay, unless one of *rules* has their name.
    """
    stored = ledger.stored_rules(db)
    new: dict[str, Rule | None] = {rule.name: rule for rule in rules}
    for name, old in stored.items():
        if old.origin != "api":
            new.setdefault(name, None)
    turns: list[Turn] = []
    for name, rule in new.items():
        turns += change_rule(db, name, rule, actor, now_ns, stored)
    return turns


def change_rule(
    db: sa.Connection,
    name: str,
    new: Rule | None,
    actor: str,
    now_ns: int,
    stored: Mapping[str, StoredRule] | None = None,
) -> list[Turn]:
    """Store *new* as the rule *name*, None for none, and end what it had begun.

    A changed condition starts pending alerts anew. One that fires goes on firing:
    what people were told is taken back by a condition that ends, not by an edit.
    """
    old = (ledger.stored_rules(db) if stored is None else stored).get(name)
    ledger.store_rule(db, name, old, new, actor, now_ns)
    if old is None or (new is not None and old.condition == new.text):
        return []
    turns: list[Turn] = []
    for identity, state in ledger.states(db, name).items():
        if new is None:
            turns += _remove(db, identity, state, old, now_ns)
        elif state.phase == "pending":
            after, steps = cleared(state, now_ns, "rule_changed")
            ledger.save_states(db, [(identity, after)])
            ledger.add_steps(db, [Step(identity, old.severity, s, None) for s in steps])
    return turns


def _remove(
    db: sa.Connection,
    identity: Identity,
    state: AlertState,
    old: StoredRule,
    now_ns: int,
) -> list[Turn]:
    firing = state.phase == "firing"
    after, steps = (ended if firing else cleared)(state, now_ns, "rule_removed")
    ledger.save_states(db, [(identity, after)])
    ledger.add_steps(db, [Step(identity, old.severity, s, None) for s in steps])
    if not firing:
        return []
    ledger.close_incidents(db, [state.incident_id], now_ns, "rule_removed")
    return [
        Turn(
            identity,
            state.incident_id,
            cast("Severity", old.severity),
            old.channels,
            state.since_ns,
            state.fired_ns,
            now_ns,
            "rule_removed",
        )
    ]
