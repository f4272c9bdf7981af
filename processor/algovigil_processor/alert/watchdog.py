"""Whether alerting does what it promises, and a heartbeat elsewhere while it does.

The auditor reads what is due and not done by questions of its own, so that a fault in
what should have done it does not hide it. While it finds nothing, a dead man's switch
outside of this house is told so; its silence is the alarm.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from algovigil_processor.alert.deliver import Result, from_environment
from algovigil_processor.alert.deliver.http import Poster, judge
from algovigil_processor.alert.tables import INCIDENTS, OUTBOX

if TYPE_CHECKING:
    from algovigil.config import Alerts
    from algovigil_processor.state import State
    from algovigil_processor.telemetry import Telemetry

log: Final = logging.getLogger(__name__)

_SECOND_NS: Final = 10**9
_TIMEOUT: Final = 10.0


class Watchdog:
    """The auditor and the heartbeat; *late* is how late a step may be, in seconds."""

    def __init__(
        self, state: State, alerts: Alerts, telemetry: Telemetry, late: float = 60.0
    ) -> None:
        """Bind to the settings.

        Raises:
            ConfigError: the variable with the URL is not set.
        """
        heartbeat = alerts.heartbeat
        url = heartbeat.url
        if heartbeat.url_env_var:
            url = from_environment(heartbeat.url_env_var, "alerts.heartbeat")
        self._poster: Final = (
            Poster(url, _TIMEOUT, alerts.private_networks) if url else None
        )
        self._state: Final = state
        self._telemetry: Final = telemetry
        self._late_ns: Final = int(late * _SECOND_NS)

    def audit(self, now_ns: int) -> list[str]:
        """Return what is due and not done, in words; tell it to log and metrics."""
        with self._state.read() as db:
            problems = [
                *_steps(db, now_ns, self._late_ns),
                *_unbegun(db, now_ns, self._late_ns),
                *_acknowledged(db, now_ns, self._late_ns),
            ]
            oldest = db.execute(
                sa.select(sa.func.min(OUTBOX.c.created_ns)).where(
                    OUTBOX.c.state == "waiting"
                )
            ).scalar()
        age = (now_ns - oldest) / 1e9 if oldest else 0.0
        self._telemetry.gauge("alert.oldest_owed_seconds", max(age, 0.0))
        self._telemetry.count(
            "alert.audits", result="overdue" if problems else "in_order"
        )
        for problem in problems:
            log.error("alerting is overdue: %s", problem)
        return problems

    def beat(self, now_ns: int) -> Result | None:
        """Audit, and tell the dead man's switch if all is in order; None if not."""
        if self.audit(now_ns) or self._poster is None:
            return None
        answer = asyncio.run(self._poster.post(b"", {"user-agent": "algovigil"}))
        if not isinstance(answer, Result):
            answer = judge(answer.code, answer.retry_after, now_ns // _SECOND_NS)
        self._telemetry.count("alert.heartbeats", outcome=answer.outcome)
        return answer


def _firing() -> sa.Select[tuple[str]]:
    return sa.select(INCIDENTS.c.incident_id).where(INCIDENTS.c.resolved_ns == 0)


def _steps(db: sa.Connection, now_ns: int, late_ns: int) -> list[str]:
    """Escalations that are due, that nothing holds back, and that did not come."""
    query = _firing().where(
        INCIDENTS.c.step_ns.between(1, now_ns - late_ns),
        INCIDENTS.c.ack_until_ns <= now_ns - late_ns,
        INCIDENTS.c.withheld_ns == 0,
    )
    return [f"incident {i} does not escalate" for i in db.execute(query).scalars()]


def _unbegun(db: sa.Connection, now_ns: int, late_ns: int) -> list[str]:
    """Incidents that fired and that nobody was told of, nor was to be."""
    query = _firing().where(
        INCIDENTS.c.begun.is_(False), INCIDENTS.c.fired_ns <= now_ns - late_ns
    )
    return [f"nobody is told of incident {i}" for i in db.execute(query).scalars()]


def _acknowledged(db: sa.Connection, now_ns: int, late_ns: int) -> list[str]:
    """Acknowledgements that ended without anybody being told again."""
    query = _firing().where(
        INCIDENTS.c.ack_until_ns.between(1, now_ns - late_ns),
        INCIDENTS.c.withheld_ns == 0,
    )
    return [
        f"incident {i} is no longer acknowledged, and nobody is told"
        for i in db.execute(query).scalars()
    ]
