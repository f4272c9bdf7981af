"""Alerts over REST: what is wrong now, what was, by which rules, and who is told.

Times leave as ISO 8601 in UTC; no route takes text that reaches a message.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Query

from algovigil_processor.alert.message import moment

if TYPE_CHECKING:
    from algovigil_processor.alert import Alerting, Incident, Standing
    from algovigil_processor.alert.deliver.outbox import Attempt


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert that is pending or firing."""

    incident_id: str
    rule: str
    severity: str
    model: str
    version: str
    site: str
    subgroup: str
    state: str
    since: str | None
    fired: str | None
    result: str
    reason: str
    values: dict[str, float | None]


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


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """A rule, and how many subjects came to each result in the last round."""

    name: str
    condition: str
    severity: str
    duration: float
    channels: list[str]
    results: dict[str, int]


@dataclass(frozen=True, slots=True)
class TestResult:
    """What became of a test message to one target."""

    channel: str
    target: str
    delivery_id: str
    outcome: str
    code: int
    latency_ms: float


def router(alerting: Alerting) -> APIRouter:
    """Return the routes of *alerting*."""
    routes = APIRouter(prefix="/api/v1", tags=["alerts"])

    @routes.get("/alerts")
    def active() -> list[ActiveAlert]:
        """List the alerts that are pending or firing, the oldest first."""
        return [_active(standing) for standing in alerting.active()]

    @routes.get("/alerts/history")
    def history(
        incident_id: str | None = None, limit: int = Query(100, ge=1, le=1000)
    ) -> list[PastIncident]:
        """List incidents that fired, the newest first."""
        found = alerting.history(incident_id=incident_id, limit=limit)
        return [_past(incident) for incident in found]

    @routes.get("/rules")
    def rules() -> list[RuleInForce]:
        """List the rules in force."""
        return [
            RuleInForce(
                rule.name,
                rule.condition,
                rule.severity,
                rule.duration_seconds,
                list(rule.channels),
                dict(rule.results),
            )
            for rule in alerting.rules()
        ]

    @routes.post("/channels/{name}/test")
    def test(name: str) -> list[TestResult]:
        """Send a real test message, and say what happened to it."""
        if name not in alerting.channels():
            raise HTTPException(404, "no such channel")
        return [_tested(a) for a in alerting.test_channel(name, time.time_ns())]

    return routes


def _active(standing: Standing) -> ActiveAlert:
    return ActiveAlert(
        standing.incident_id,
        standing.rule,
        standing.severity,
        standing.model,
        standing.version,
        standing.site,
        standing.subgroup,
        standing.phase,
        moment(standing.since_ns),
        moment(standing.fired_ns),
        standing.result,
        standing.reason,
        dict(standing.values),
    )


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


def _tested(attempt: Attempt) -> TestResult:
    return TestResult(
        attempt.owed.channel,
        attempt.owed.target,
        attempt.owed.delivery_id,
        attempt.result.outcome,
        attempt.result.code,
        attempt.latency_ms,
    )
