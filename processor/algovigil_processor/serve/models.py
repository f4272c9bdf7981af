"""What is known of each model, newest findings first: reads of our own tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from algovigil.errors import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil_processor.serve.readers import Readers, Session


_ISO: Final = "formatDateTime({column}, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC')"
_TIMES: Final = frozenset({"timestamp", "window_start", "window_end", "as_of"})

_LATEST: Final = """
SELECT {columns} FROM {table} AS f
WHERE f.model_name = {{name:String}}
ORDER BY f.timestamp DESC, model_version, {key}
LIMIT 1 BY model_version, {key}
LIMIT 1000
"""
_MODELS: Final = """
SELECT
    model_name AS name,
    arraySort(groupUniqArray(model_version)) AS versions,
    count() AS inferences,
    {first} AS first_seen,
    {last} AS last_seen
FROM inferences GROUP BY model_name ORDER BY model_name LIMIT 1000
""".format(
    first=_ISO.format(column="min(timestamp)"),
    last=_ISO.format(column="max(timestamp)"),
)
_EXISTS: Final = "SELECT 1 FROM inferences WHERE model_name = {name:String} LIMIT 1"


class Model(BaseModel):
    """A model that made inferences."""

    name: str
    versions: list[str]
    inferences: int
    first_seen: str
    last_seen: str


class Finding(BaseModel):
    """What every finding says: when, of which version, over which window (UTC)."""

    timestamp: str
    model_version: str
    window_start: str
    window_end: str
    status: str


class Drift(Finding):
    """How far a feature is from its reference; null where there was no number."""

    reference_id: str
    plan_version: str
    subgroup_key: str
    subgroup_value: str
    feature: str
    method: str
    statistic: float | None
    p_value: float | None
    p_adjusted: float | None
    threshold: float | None
    rows_reference: int
    rows_current: int
    severity: str


class Clinical(Finding):
    """A clinical metric with its interval, and the counts behind it."""

    metric: str
    value: float | None
    lower: float | None
    upper: float | None
    numerator: float
    denominator: float
    n: int
    inferences: float
    labelled: float
    completeness: float | None
    subgroup_key: str
    subgroup_value: str
    p_adjusted: float | None
    reference: str
    reference_value: float | None
    method: str
    method_version: str
    caveat: str
    as_of: str
    plan_version: str


class Service(Finding):
    """A service metric, in its native unit (ms; ratios 0 to 1)."""

    metric: str
    value: float | None
    samples: int


_Row = TypeVar("_Row", bound=BaseModel)


def router(readers: Readers) -> APIRouter:
    """Return the routes under `/api/v1/models`."""
    routes = APIRouter(prefix="/api/v1/models", tags=["models"])

    @routes.get("")
    async def models() -> list[Model]:
        """List the models that made inferences."""
        return await _rows(readers, Model, _MODELS, {})

    @routes.get("/{name}/drift")
    async def drift(name: str) -> list[Drift]:
        """Return the latest finding of each version, subgroup, feature and method."""
        key = "subgroup_key, subgroup_value, feature, method"
        sql = _latest(Drift, "drift_findings", key)
        return await _of_model(readers, Drift, sql, name)

    @routes.get("/{name}/clinical")
    async def clinical(name: str) -> list[Clinical]:
        """Return the latest value of each version, clinical metric and subgroup."""
        key = "metric, subgroup_key, subgroup_value"
        sql = _latest(Clinical, "clinical_metrics", key)
        return await _of_model(readers, Clinical, sql, name)

    @routes.get("/{name}/service")
    async def service(name: str) -> list[Service]:
        """Return the latest value of each version and service metric."""
        sql = _latest(Service, "service_metrics", "metric")
        return await _of_model(readers, Service, sql, name)

    return routes


def _latest(kind: type[Finding], table: str, key: str) -> str:
    columns = [
        f"{_ISO.format(column=f'f.{name}')} AS {name}" if name in _TIMES else name
        for name in kind.model_fields
    ]
    return _LATEST.format(columns=", ".join(columns), table=table, key=key)


async def _of_model(
    readers: Readers, kind: type[_Row], sql: str, name: str
) -> list[_Row]:
    rows = await _rows(readers, kind, sql, {"name": name})
    if not rows:
        found = await readers.run(lambda s: s.raw(_EXISTS, "TSV", {"name": name}))
        if not found:
            raise HTTPException(
                404,
                explain(
                    "a model that made no inference",
                    "one that GET /api/v1/models lists",
                ),
            )
    return rows


async def _rows(
    readers: Readers, kind: type[_Row], sql: str, parameters: Mapping[str, object]
) -> list[_Row]:
    def work(session: Session) -> list[_Row]:
        body = session.raw(sql, "JSONEachRow", parameters)
        return [kind.model_validate(json.loads(line)) for line in body.splitlines()]

    return await readers.run(work)
