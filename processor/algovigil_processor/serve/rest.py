"""The REST API: health, self-metrics, SQL and models; other stages add their routers.

Nothing here needs a network beyond its own: the OpenAPI document is served, and no page
of a third party is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request  # noqa: TC002 # FastAPI resolves it
from starlette.responses import JSONResponse, PlainTextResponse

from algovigil_processor.serve import metrics, models
from algovigil_processor.serve.auth import Access, Guard
from algovigil_processor.serve.caller import while_connected
from algovigil_processor.serve.statements import answer
from algovigil_processor.serve.wire import Refused, content_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from algovigil_processor.serve.readers import Readers
    from algovigil_processor.telemetry import Telemetry

_OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class Query(BaseModel):
    """A statement, the format of its result, and values of its `{name:Type}`."""

    model_config = ConfigDict(extra="forbid")

    sql: str
    format: str = "JSON"
    parameters: dict[str, str] = {}


class Problem(BaseModel):
    """Why a request was refused, in ClickHouse's words."""

    code: int
    message: str


class Readiness(BaseModel):
    """Whether the processor takes work, and the reason of each part that does not."""

    ready: bool
    parts: Annotated[dict[str, str], Field(description="'' is ready")]


def build(
    version: str,
    ready: Callable[[], Mapping[str, str]],
    query_reader: Readers,
    routers: Sequence[APIRouter],
    telemetry: Telemetry,
    *,
    access: Access | None = None,
) -> FastAPI:
    """Return the API.

    Args:
        version: of the processor.
        ready: each part and why it is not ready, '' when it is; may block.
        query_reader: read-only sessions for statements of users.
        routers: what other stages add.
        telemetry: counters and gauges for `/metrics`.
        access: who may talk to it; None is only requests that name this machine.
    """
    app = FastAPI(title="Algovigil", version=version, docs_url=None, redoc_url=None)
    app.add_middleware(
        Guard,
        access=access or Access(),
        answer=_problem_response,
        open_paths=_OPEN_PATHS,
    )
    app.add_exception_handler(Refused, _on_refused)
    app.include_router(_health(version, ready, telemetry))
    app.include_router(_sql(query_reader, telemetry))
    app.include_router(models.router(query_reader))
    for router in routers:
        app.include_router(router)
    return app


def _health(
    version: str, ready: Callable[[], Mapping[str, str]], telemetry: Telemetry
) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Answer while the process is alive."""
        return {"status": "alive", "version": version}

    @router.get("/readyz", responses={503: {"model": Readiness}})
    def readyz(response: Response) -> Readiness:
        """Tell whether every part takes work; 503 and the reasons when not."""
        parts = dict(ready())
        is_ready = not any(parts.values())
        response.status_code = 200 if is_ready else 503
        return Readiness(ready=is_ready, parts=parts)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def self_metrics() -> Response:
        """Return the processor's own metrics for Prometheus."""
        text = metrics.render(telemetry, version)
        return Response(text, media_type=metrics.CONTENT_TYPE)

    return router


def _sql(readers: Readers, telemetry: Telemetry) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["sql"])
    problems: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem} for status in (400, 403, 404, 408, 500, 503)
    }

    @router.post("/query", response_class=Response, responses=problems)
    async def query(query: Query, request: Request) -> Response:
        """Run one reading statement; the body is its result in `format`."""
        result = await while_connected(
            request,
            answer(readers, telemetry, query.sql, query.format, dict(query.parameters)),
        )
        return Response(
            result.body,
            media_type=content_type(result.output_format),
            headers={"X-ClickHouse-Format": result.output_format},
        )

    return router


async def _on_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused), "registered for Refused alone"
    return _problem_response(error)


def _problem_response(error: Refused) -> Response:
    problem = Problem(code=error.code, message=str(error))
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return JSONResponse(problem.model_dump(), error.status, headers)
