"""An incident that a person or a program opens, under a rule that is there.

It has no state of evaluation: no condition made it, and none ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from algovigil_processor.alert import ledger
from algovigil_processor.alert.evaluate.lifecycle import Identity, incident_id
from algovigil_processor.alert.message import line
from algovigil_processor.alert.tables import INCIDENTS
from algovigil_processor.alert.turn import Turn

if TYPE_CHECKING:
    from algovigil_processor.alert.evaluate.readings import Subject
    from algovigil_processor.alert.turn import Severity


def open_by_hand(db: sa.Connection, rule: str, subject: Subject, now_ns: int) -> Turn:
    """Write the incident down, and return its turn.

    Raises:
        LookupError: there is no such rule.
    """
    stored = ledger.stored_rules(db).get(rule)
    if stored is None:
        raise LookupError(f"no rule {line(rule)}")
    identity = Identity(rule, subject)
    opened = incident_id(identity, now_ns)
    db.execute(
        sa.insert(INCIDENTS).values(
            incident_id=opened,
            rule=rule,
            severity=stored.severity,
            **subject._asdict(),
            condition=stored.condition,
            since_ns=now_ns,
            fired_ns=now_ns,
            resolved_ns=0,
            ending="",
            value=None,
        )
    )
    severity = cast("Severity", stored.severity)
    return Turn(identity, opened, severity, stored.channels, now_ns, now_ns)
