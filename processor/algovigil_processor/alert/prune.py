"""Forget what is over and copied: the operational state stays small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from algovigil_processor.alert.tables import (
    ATTEMPTS,
    INCIDENTS,
    OUTBOX,
    SILENCES,
    TRANSITIONS,
)

if TYPE_CHECKING:
    from algovigil_processor.state import State


def prune(state: State, before_ns: int) -> int:
    """Delete what ended before *before_ns*; return how many rows went.

    What waits stays, and so does what ClickHouse does not have yet.
    """
    over = (
        sa.delete(OUTBOX).where(
            OUTBOX.c.state != "waiting", OUTBOX.c.created_ns < before_ns
        ),
        sa.delete(ATTEMPTS).where(
            ATTEMPTS.c.mirrored.is_(True), ATTEMPTS.c.at_ns < before_ns
        ),
        sa.delete(TRANSITIONS).where(
            TRANSITIONS.c.mirrored.is_(True), TRANSITIONS.c.at_ns < before_ns
        ),
        sa.delete(INCIDENTS).where(
            INCIDENTS.c.settled.is_(True), INCIDENTS.c.resolved_ns < before_ns
        ),
        sa.delete(SILENCES).where(SILENCES.c.ends_ns < before_ns),
    )
    gone = 0
    for statement in over:
        with state.write() as db:
            gone += db.execute(statement).rowcount
    return gone
