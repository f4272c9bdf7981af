"""What evaluation writes down: rules, states, incidents and transitions.

Each function works inside a transaction that its caller holds, so that a transition
and the messages it owes are committed together or not at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from algovigil_processor.alert.evaluate.lifecycle import AlertState, Identity
from algovigil_processor.alert.evaluate.readings import Subject
from algovigil_processor.alert.rules.tree import render
from algovigil_processor.alert.tables import (
    CHANGES,
    INCIDENTS,
    RULES,
    SLOTS,
    STATES,
    TRANSITIONS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil_processor.alert.evaluate.judge import Verdict
    from algovigil_processor.alert.evaluate.lifecycle import Transition
    from algovigil_processor.alert.rules.compile import Rule
    from algovigil_processor.alert.turn import Ending

_STATE_KEY: Final = ("rule", *Subject._fields)


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule as an earlier run, or an earlier change, knew it."""

    name: str
    origin: str
    setting: str
    condition: str
    severity: str
    channels: tuple[str, ...]


def stored_rules(db: sa.Connection) -> dict[str, StoredRule]:
    """Return the rules as they are stored, by name."""
    return {row.name: _stored(row) for row in db.execute(sa.select(RULES))}


def _stored(row: sa.Row[Any]) -> StoredRule:
    plain = json.loads(row.setting)
    return StoredRule(
        row.name,
        row.origin,
        row.setting,
        plain["condition"],
        plain["severity"],
        tuple(plain["channels"]),
    )


def store_rule(
    db: sa.Connection,
    name: str,
    old: StoredRule | None,
    new: Rule | None,
    actor: str,
    now_ns: int,
) -> None:
    """Make the rule *name* what *new* is, and write down who did; None is no rule."""
    before, after = old.setting if old else "", new.setting if new else ""
    if old and new and (before, old.origin) == (after, new.origin):
        return
    db.execute(sa.delete(RULES).where(RULES.c.name == name))
    if new is not None:
        row = {"name": name, "origin": new.origin, "setting": after}
        db.execute(sa.insert(RULES).values(**row, updated_ns=now_ns))
    if before == after:
        return
    action = "changed" if old and new else "created" if new else "removed"
    change = {"kind": "rule", "name": name, "action": action}
    texts = {"before": _nameless(before), "after": _nameless(after)}
    add_change(db, now_ns, actor, **change, **texts)


def _nameless(setting: str) -> str:
    """Return *setting* without its name, which a column of its own has.

    Under the key `name` the redaction would take it for a person's, everywhere.
    """
    if not setting:
        return ""
    return json.dumps({k: v for k, v in json.loads(setting).items() if k != "name"})


def add_change(db: sa.Connection, now_ns: int, actor: str, **what: str | int) -> None:
    """Write down who changed a rule or a silence; *what* is the rest of `CHANGES`."""
    row = {"before": "", "after": "", **what}
    db.execute(
        sa.insert(CHANGES).values(at_ns=now_ns, actor=actor, mirrored=False, **row)
    )


def states(db: sa.Connection, rule: str | None = None) -> dict[Identity, AlertState]:
    """Return every identity that is pending or firing, or those of one *rule*."""
    query = sa.select(STATES)
    if rule is not None:
        query = query.where(STATES.c.rule == rule)
    return {
        Identity(
            row.rule, Subject(*(getattr(row, name) for name in Subject._fields))
        ): AlertState(row.phase, row.since_ns, row.fired_ns, row.incident_id)
        for row in db.execute(query)
    }


def save_states(
    db: sa.Connection, standing: Sequence[tuple[Identity, AlertState]]
) -> None:
    """Store where each identity stands; an inactive one leaves no row."""
    keys = [
        dict(zip(_STATE_KEY, (identity.rule, *identity.subject), strict=True))
        for identity, _ in standing
    ]
    where = [STATES.c[name] == sa.bindparam(f"its_{name}") for name in _STATE_KEY]
    _each(
        db,
        sa.delete(STATES).where(*where),
        [{f"its_{name}": value for name, value in key.items()} for key in keys],
    )
    _each(
        db,
        sa.insert(STATES),
        [
            {
                **key,
                "phase": state.phase,
                "since_ns": state.since_ns,
                "fired_ns": state.fired_ns,
                "incident_id": state.incident_id,
                "ended_ns": state.ended_ns,
            }
            for key, (_, state) in zip(keys, standing, strict=True)
            if state.phase != "inactive"
        ],
    )


def last_slot(db: sa.Connection) -> int:
    """Return the slot that was judged last, 0 for none yet."""
    found: int | None = db.execute(sa.select(SLOTS.c.last_ns)).scalar()
    return found or 0


def set_last_slot(db: sa.Connection, slot_ns: int) -> None:
    """Write down that *slot_ns* is judged."""
    db.execute(sa.delete(SLOTS))
    db.execute(sa.insert(SLOTS).values(name="rules", last_ns=slot_ns))


@dataclass(frozen=True, slots=True)
class Step:
    """A transition of *identity*; *value* is the figure that made it.

    A *replayed* one happened while nobody looked, and was found in the store.
    """

    identity: Identity
    severity: str
    transition: Transition
    value: float | None
    replayed: bool = False


def add_steps(db: sa.Connection, steps: Sequence[Step]) -> None:
    """Write down *steps*, in order."""
    rows: list[dict[str, object]] = [
        {
            "at_ns": step.transition.at_ns,
            "incident_id": step.transition.incident_id,
            "rule": step.identity.rule,
            **step.identity.subject._asdict(),
            "severity": step.severity,
            "before": step.transition.before,
            "after": step.transition.after,
            "value": step.value,
            "reason": step.transition.why,
            "replayed": step.replayed,
            "mirrored": False,
        }
        for step in steps
    ]
    _each(db, sa.insert(TRANSITIONS), rows)


def open_incidents(db: sa.Connection, verdicts: Sequence[Verdict]) -> None:
    """Write down that each of *verdicts* began to fire."""
    rows: list[dict[str, object]] = [
        {
            "incident_id": verdict.after.incident_id,
            "rule": verdict.identity.rule,
            "severity": verdict.rule.severity,
            **verdict.identity.subject._asdict(),
            "condition": render(verdict.rule.written),
            "since_ns": verdict.after.since_ns,
            "fired_ns": verdict.after.fired_ns,
            "resolved_ns": 0,
            "ending": "",
            "value": verdict.figure,
        }
        for verdict in verdicts
    ]
    _each(db, sa.insert(INCIDENTS), rows)


def close_incidents(
    db: sa.Connection, incident_ids: Sequence[str], now_ns: int, ending: Ending
) -> None:
    """End incidents, and say why."""
    query = (
        sa.update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == sa.bindparam("its_id"))
        .values(resolved_ns=now_ns, ending=ending)
    )
    _each(db, query, [{"its_id": incident_id} for incident_id in incident_ids])


def _each(
    db: sa.Connection, statement: sa.Executable, rows: list[dict[str, object]]
) -> None:
    """Run *statement* for all of *rows* at once; for none, not at all."""
    if rows:
        db.execute(statement, rows)


def incidents(
    db: sa.Connection, *, incident_id: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """Return incidents, the newest first."""
    query = sa.select(INCIDENTS).order_by(INCIDENTS.c.fired_ns.desc()).limit(limit)
    if incident_id is not None:
        query = query.where(INCIDENTS.c.incident_id == incident_id)
    return db.execute(query).mappings().all()
