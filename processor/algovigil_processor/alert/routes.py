"""Alerts over REST: what is wrong now, what was, by which rules, and who is told.

Times leave as ISO 8601 in UTC; no route takes text that reaches a message.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter, Query

from algovigil_processor.alert.alerting import Standing
from algovigil_processor.alert.delivery import Handling
from algovigil_processor.alert.message import moment

if TYPE_CHECKING:
    from algovigil_processor.alert import Alerting, Incident

Status = Literal["pending", "firing", "acknowledged", "muted"]
_NOBODY = Handling(0, "", 0, ())


@dataclass(frozen=True, slots=True)
class Muted:
    """Why an alert is not told just now."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert that is pending or firing.

    `state` is its condition's. Who took it on and what mutes it are apart from that;
    `status` says all three in one word.
    """

    incident_id: str
    rule: str
    severity: str
    model: str
    version: str
    site: str
    subgroup: str
    state: str
    status: Status
    since: str | None
    fired: str | None
    result: str
    reason: str
    values: dict[str, float | None]
    level: int
    acknowledged_by: str
    acknowledged_until: str | None
    muted_by: list[Muted]


@dataclass(frozen=True, slots=True)
class PastIncident:
    """An incident that fired; `resolved` is null while it still does."""

    incident_id: str
    rule: str
    severity: str
    model: str
    version: str
    site: str
    subgroup: str
    condition: str
    since: str | None
    fired: str | None
    resolved: str | None
    ending: str
    value: float | None


def router(alerting: Alerting) -> APIRouter:
    """Return the routes of *alerting* that read."""
    routes = APIRouter(prefix="/api/v1", tags=["alerts"])

    @routes.get("/alerts")
    def active() -> list[ActiveAlert]:
        """List the alerts that are pending or firing, the oldest first."""
        handling = alerting.delivery.handling(time.time_ns())
        judged = [
            _active(standing, handling.get(standing.incident_id, _NOBODY))
            for standing in alerting.active()
        ]
        known = {alert.incident_id for alert in judged}
        by_hand = [
            _by_hand(incident, handling[incident.incident_id])
            for incident in reversed(alerting.history(limit=1000))
            if incident.incident_id in handling.keys() - known
        ]
        return judged + by_hand

    @routes.get("/alerts/history")
    def history(
        incident_id: str | None = None, limit: int = Query(100, ge=1, le=1000)
    ) -> list[PastIncident]:
        """List incidents that fired, the newest first."""
        found = alerting.history(incident_id=incident_id, limit=limit)
        return [_past(incident) for incident in found]

    return routes


def _active(standing: Standing, handling: Handling) -> ActiveAlert:
    status: Status = "firing"
    if standing.phase == "pending":
        status = "pending"
    elif handling.mutes:
        status = "muted"
    elif handling.acknowledged_by:
        status = "acknowledged"
    return ActiveAlert(
        standing.incident_id,
        standing.rule,
        standing.severity,
        standing.model,
        standing.version,
        standing.site,
        standing.subgroup,
        standing.phase,
        status,
        moment(standing.since_ns),
        moment(standing.fired_ns),
        standing.result,
        standing.reason,
        dict(standing.values),
        handling.level,
        handling.acknowledged_by,
        moment(handling.until_ns),
        [Muted(*mute) for mute in handling.mutes],
    )


def _by_hand(incident: Incident, handling: Handling) -> ActiveAlert:
    """An incident that no evaluation has a state of: somebody opened it."""
    standing = Standing(
        incident.incident_id,
        incident.rule,
        incident.severity,
        incident.model,
        incident.version,
        incident.site,
        incident.subgroup,
        "firing",
        incident.since_ns,
        incident.fired_ns,
        "",
        "manual",
        {},
    )
    return _active(standing, handling)


def _past(incident: Incident) -> PastIncident:
    return PastIncident(
        incident.incident_id,
        incident.rule,
        incident.severity,
        incident.model,
        incident.version,
        incident.site,
        incident.subgroup,
        incident.condition,
        moment(incident.since_ns),
        moment(incident.fired_ns),
        moment(incident.resolved_ns),
        incident.ending,
        incident.value,
    )
