"""Rules over REST: list, set, remove, try, explain, and who changed what."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from algovigil.config import Rule as RuleSetting
from algovigil.errors import ConfigError
from algovigil_processor.alert.message import line, moment
from algovigil_processor.alert.rulebook import NotYours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from algovigil_processor.alert.evaluate.explain import Explanation
    from algovigil_processor.alert.rule_desk import RuleDesk, RuleView

By = Annotated[str, Field(min_length=1, max_length=100, description="who does this")]
_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"description": "no such rule"},
    409: {"description": "the settings give this rule"},
    422: {"description": "a rule that cannot be obeyed"},
}


class RuleBody(BaseModel):
    """A rule, in the words of the settings; `duration` and `keep_firing` in seconds."""

    model_config = ConfigDict(extra="forbid")

    condition: str
    severity: str = "warning"
    duration: float = 0.0
    channels: list[str] = []
    keep_firing: float = 0.0
    resolve_when: str = ""
    min_samples: int = 0
    on_no_data: str = "keep"
    on_error: str = "keep"

    def setting(self, name: str) -> RuleSetting:
        """Return the rule *name* of these words.

        Raises:
            ConfigError: a word is none of ours.
        """
        plain = self.model_dump() | {"channels": tuple(self.channels)}
        return RuleSetting(name, **plain)


class RuleInForce(RuleBody):
    """A rule, whose it is, and how many subjects came to each result last."""

    name: str
    origin: str
    results: dict[str, int]


class Statement(BaseModel):
    """One statement that a rule shares with others; `window` in seconds."""

    metrics: list[str]
    source: str
    window: int
    offset: int
    sql: str


class Outcome(BaseModel):
    """What the condition comes to for one subject."""

    model: str
    version: str
    site: str
    subgroup: str
    result: str
    reason: str
    values: dict[str, float | None]


class Explained(BaseModel):
    """A rule in other words: `judged` has its numbers in the metrics' own units."""

    name: str
    condition: str
    judged: str
    reads: list[Statement]
    outcomes: list[Outcome]


class Change(BaseModel):
    """Who changed a rule, when, from what to what (JSON, '' for none)."""

    at: str
    actor: str
    rule: str
    action: str
    before: str
    after: str


def router(desk: RuleDesk, now: Callable[[], int] = time.time_ns) -> APIRouter:
    """Return the routes of *desk*; *now* is the clock, in Unix nanoseconds."""
    routes = APIRouter(prefix="/api/v1", tags=["rules"])
    _add_reads(routes, desk, now)

    @routes.put("/rules/{name}", responses=_ERRORS)
    def put(name: str, body: RuleBody, by: By) -> RuleInForce:
        """Set a rule, new or changed; it is judged from the next slot on."""
        with _answered():
            desk.put(body.setting(name), line(by), now())
        return next(_in_force(v) for v in desk.all() if v.setting.name == name)

    @routes.delete("/rules/{name}", status_code=204, responses=_ERRORS)
    def remove(name: str, by: By) -> None:
        """Remove a rule; what it had begun ends, and is told to have."""
        with _answered():
            desk.remove(name, line(by), now())

    return routes


def _add_reads(routes: APIRouter, desk: RuleDesk, now: Callable[[], int]) -> None:
    @routes.get("/rules")
    def rules() -> list[RuleInForce]:
        """List the rules in force: of the settings, provided, and set over REST."""
        return [_in_force(view) for view in desk.all()]

    @routes.get("/rules/changes")
    def changes(
        rule: str | None = None, limit: int = Query(100, ge=1, le=1000)
    ) -> list[Change]:
        """List who changed which rule, the newest first."""
        return [
            Change(at=moment(change.at_ns) or "", **_without(change, "at_ns"))
            for change in desk.changes(rule, limit)
        ]

    @routes.post("/rules/explain", responses=_ERRORS)
    def try_out(body: RuleBody) -> Explained:
        """Say what a rule would read and come to now, without setting it."""
        with _answered():
            return _explained(desk.try_out(body.setting("explained"), now()))

    @routes.get("/rules/{name}/explain", responses=_ERRORS)
    def explain(name: str) -> Explained:
        """Say what a rule reads and comes to now."""
        with _answered():
            return _explained(desk.explain(name, now()))


@contextlib.contextmanager
def _answered() -> Iterator[None]:
    """Turn what a caller did wrong into the status that says so."""
    try:
        yield
    except NotYours as error:
        raise HTTPException(409, str(error)) from None
    except ConfigError as error:
        raise HTTPException(422, str(error)) from None
    except KeyError:
        raise HTTPException(404, "no such rule") from None


def _in_force(view: RuleView) -> RuleInForce:
    plain = dataclasses.asdict(view.setting) | {"results": dict(view.results)}
    return RuleInForce(**plain, origin=view.origin)


def _explained(found: Explanation) -> Explained:
    return Explained(
        name=found.name,
        condition=found.condition,
        judged=found.judged,
        reads=[Statement(**dataclasses.asdict(read)) for read in found.reads],
        outcomes=[
            Outcome(
                **one.subject._asdict(),
                result=one.result,
                reason=one.reason,
                values=dict(one.values),
            )
            for one in found.outcomes
        ],
    )


def _without(value: Any, name: str) -> dict[str, Any]:
    return {k: v for k, v in dataclasses.asdict(value).items() if k != name}
