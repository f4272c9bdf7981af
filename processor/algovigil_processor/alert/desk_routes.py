"""What people do about alerts, over REST: acknowledge, resolve, silence, send again.

Who does it is `by`, a name of the caller's own; a comment is cleaned of identifiers
before it is kept, and is sent to nobody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 # pydantic reads it
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from algovigil.errors import ConfigError
from algovigil_processor.alert.evaluate.readings import Subject
from algovigil_processor.alert.message import moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from algovigil_processor.alert.deliver.owed import Attempt
    from algovigil_processor.alert.delivery import Delivery
    from algovigil_processor.alert.desk import DeliveryView, SilenceView

T = TypeVar("T")
By = Annotated[str, Field(min_length=1, max_length=100, description="who does this")]
_MISSING: dict[int | str, dict[str, Any]] = {404: {"description": "no such thing"}}


class Acknowledgement(BaseModel):
    """Who takes an incident on, and for how long; by default as configured."""

    model_config = ConfigDict(extra="forbid")

    by: By
    minutes: float | None = Field(None, gt=0, le=1440)


class Resolution(BaseModel):
    """Who ends an incident by hand."""

    model_config = ConfigDict(extra="forbid")

    by: By


class Trigger(BaseModel):
    """An incident of a rule, about a model; there is no field for text."""

    model_config = ConfigDict(extra="forbid")

    rule: str
    by: By
    model: str = Field(min_length=1, max_length=100)
    version: str = Field("", max_length=100)
    site: str = Field("", max_length=100)
    subgroup: str = Field("", max_length=100)


class NewSilence(BaseModel):
    """Which alerts not to tell, from when, for how long, who says so, and why."""

    model_config = ConfigDict(extra="forbid")

    matchers: list[str] = Field(min_length=1, max_length=20)
    by: By
    comment: str = Field(min_length=1, max_length=500)
    minutes: float = Field(gt=0)
    starts: datetime | None = None
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Triggered:
    """The incident that was opened."""

    incident_id: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Until when an incident is taken care of."""

    incident_id: str
    until: str | None


@dataclass(frozen=True, slots=True)
class SilenceInForce:
    """A silence that is not over; `muted` counts the incidents it keeps untold."""

    silence_id: str
    matchers: list[str]
    author: str
    comment: str
    starts: str | None
    ends: str | None
    created: str | None
    replaces: str
    muted: int


@dataclass(frozen=True, slots=True)
class OwedDelivery:
    """A delivery, and where it stands."""

    delivery_id: str
    channel: str
    target: str
    event: str
    severity: str
    state: str
    attempts: int
    created: str | None
    next_attempt: str | None


@dataclass(frozen=True, slots=True)
class TestResult:
    """What became of a test message to one target."""

    channel: str
    target: str
    delivery_id: str
    outcome: str
    code: int
    latency_ms: float


def router(delivery: Delivery, clock: Callable[[], int] = time.time_ns) -> APIRouter:
    """Return the routes by which people act on alerts."""
    routes = APIRouter(prefix="/api/v1", tags=["alerts"])
    _incidents(routes, delivery, clock)
    _silences(routes, delivery, clock)
    _deliveries(routes, delivery, clock)
    return routes


def _incidents(routes: APIRouter, delivery: Delivery, clock: Callable[[], int]) -> None:
    desk = delivery.desk

    @routes.post("/alerts", status_code=201, responses=_MISSING)
    def trigger(body: Trigger) -> Triggered:
        """Open an incident of a rule by hand; it lasts until it is resolved by hand."""
        subject = Subject(body.model, body.version, body.site, body.subgroup)
        return Triggered(
            _do(lambda: delivery.trigger(body.rule, subject, body.by, clock()))
        )

    @routes.post("/alerts/{incident_id}/acknowledge", responses=_MISSING)
    def acknowledge(incident_id: str, body: Acknowledgement) -> Acknowledged:
        """Take an incident on: until then it does not escalate, and is not repeated."""
        until_ns = _do(
            lambda: desk.acknowledge(incident_id, body.by, clock(), body.minutes)
        )
        return Acknowledged(incident_id, moment(until_ns))

    @routes.delete(
        "/alerts/{incident_id}/acknowledge", status_code=204, responses=_MISSING
    )
    def unacknowledge(incident_id: str, by: str = Query(min_length=1)) -> None:
        """Give an incident back: it is told again, and escalates on."""
        _do(lambda: desk.unacknowledge(incident_id, by, clock()))

    @routes.post("/alerts/{incident_id}/resolve", status_code=204, responses=_MISSING)
    def resolve(incident_id: str, body: Resolution) -> None:
        """End an incident by hand; if its condition still holds, another begins."""
        _do(lambda: desk.resolve(incident_id, body.by, clock()))


def _silences(routes: APIRouter, delivery: Delivery, clock: Callable[[], int]) -> None:
    desk = delivery.desk

    @routes.get("/silences")
    def silences() -> list[SilenceInForce]:
        """List the silences that are not over, the next to end first."""
        now_ns = clock()
        muting = [
            mute.name
            for handling in delivery.handling(now_ns).values()
            for mute in handling.mutes
            if mute.kind == "silence"
        ]
        return [
            _silence(one, muting.count(one.silence_id)) for one in desk.silences(now_ns)
        ]

    @routes.post("/silences", status_code=201, responses=_MISSING)
    def silence(body: NewSilence) -> SilenceInForce:
        """Keep alerts from being told for a while; they go on firing."""
        now_ns = clock()
        starts_ns = now_ns if body.starts is None else _nanoseconds(body.starts)
        ends_ns = max(starts_ns, now_ns) + int(body.minutes * 60e9)
        return _silence(
            _do(
                lambda: desk.silence(
                    body.matchers,
                    body.by,
                    body.comment,
                    starts_ns,
                    ends_ns,
                    now_ns,
                    replaces=body.replaces,
                )
            )
        )

    @routes.delete("/silences/{silence_id}", status_code=204, responses=_MISSING)
    def expire(silence_id: str, by: By) -> None:
        """End a silence now; what it hid and still fires is told."""
        _do(lambda: desk.expire(silence_id, by, clock()))


def _deliveries(
    routes: APIRouter, delivery: Delivery, clock: Callable[[], int]
) -> None:
    @routes.get("/deliveries")
    def deliveries(
        state: Literal["", "waiting", "sent", "dead", "superseded"] = "",
        limit: int = Query(100, ge=1, le=1000),
    ) -> list[OwedDelivery]:
        """List deliveries, the newest first; `dead` are those that nobody took."""
        return [_owed(one) for one in delivery.desk.deliveries(state, limit)]

    @routes.post(
        "/deliveries/{delivery_id}/replay", status_code=204, responses=_MISSING
    )
    def replay(delivery_id: str) -> None:
        """Send a dead letter again, under the id that it had."""
        _do(lambda: delivery.desk.replay(delivery_id, clock()))

    @routes.post("/channels/{name}/test", responses=_MISSING)
    def test(name: str) -> list[TestResult]:
        """Send a real test message, and say what happened to it."""
        if name not in delivery.channels():
            raise HTTPException(404, "no such channel")
        return [_tested(a) for a in delivery.test_channel(name, clock())]


def _do(act: Callable[[], T]) -> T:
    """Do what was asked for; say why when it cannot be done."""
    try:
        return act()
    except LookupError as error:
        raise HTTPException(404, str(error.args[0])) from None
    except ConfigError as error:
        raise HTTPException(422, str(error)) from None


def _nanoseconds(at: datetime) -> int:
    if at.tzinfo is None:
        raise HTTPException(422, "`starts` has no offset; write it with Z or +01:00")
    return int(at.timestamp() * 1e6) * 1000


def _silence(view: SilenceView, muted: int = 0) -> SilenceInForce:
    return SilenceInForce(
        view.silence_id,
        list(view.matchers),
        view.author,
        view.comment,
        moment(view.starts_ns),
        moment(view.ends_ns),
        moment(view.created_ns),
        view.replaces,
        muted,
    )


def _owed(view: DeliveryView) -> OwedDelivery:
    return OwedDelivery(
        view.delivery_id,
        view.channel,
        view.target,
        view.event,
        view.severity,
        view.state,
        view.attempts,
        moment(view.created_ns),
        moment(view.next_attempt_ns) if view.state == "waiting" else None,
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
