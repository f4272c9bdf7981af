"""The REST API and the command that asks it, over real sockets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from algovigil import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Served


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.api, trust_env=False) as client:
        yield client


def test_health_and_readiness(http: httpx.Client, served: Served) -> None:
    """Alive is always 200; ready tells which part is not, and is 503 then."""
    assert {"status": "alive", "version": "9.9"} == http.get("/healthz").json()
    expected = {"ready": True, "parts": {"database": "", "journal": ""}}
    assert expected == http.get("/readyz").json()
    served.parts["journal"] = "full"
    try:
        response = http.get("/readyz")
        assert 503 == response.status_code
        assert {"database": "", "journal": "full"} == response.json()["parts"]
    finally:
        served.parts["journal"] = ""


def test_metrics(http: httpx.Client, served: Served) -> None:
    """Prometheus finds the processor's counters."""
    served.telemetry.count("receive.requests", 3, signal="traces")
    response = http.get("/metrics")
    assert 'algovigil_receive_requests_total{signal="traces"} 3' in response.text
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_query(http: httpx.Client) -> None:
    """The same gate as the SQL port, any format, parameters apart from the text."""
    request = {
        "sql": "SELECT count() AS n FROM inferences WHERE model_version = {v:String}",
        "format": "JSONEachRow",
        "parameters": {"v": "2"},
    }
    response = http.post("/api/v1/query", json=request)
    assert {"n": 50} == response.json()
    assert "JSONEachRow" == response.headers["x-clickhouse-format"]
    assert response.headers["content-type"].startswith("application/x-ndjson")
    assert 422 == http.post("/api/v1/query", json={"sqll": "SELECT 1"}).status_code


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT file('/etc/passwd')", 403, 497),
        ("DROP TABLE inferences", 403, 497),
        ("SELECT * FROM nope", 404, 60),
        ("SELECT )", 400, 62),
    ],
)
def test_query_problems(http: httpx.Client, sql: str, status: int, code: int) -> None:
    """A refusal is JSON with ClickHouse's code and words."""
    response = http.post("/api/v1/query", json={"sql": sql})
    assert (status, code) == (response.status_code, response.json()["code"])
    assert response.json()["message"].startswith(f"Code: {code}. DB::Exception")


def test_models(http: httpx.Client) -> None:
    """Models that made inferences, with the span of time they did."""
    assert [
        {
            "name": "wdbc",
            "versions": ["1", "2"],
            "inferences": 200,
            "first_seen": "2023-11-14T22:13:20.123456Z",
            "last_seen": "2023-11-14T22:13:20.123456Z",
        }
    ] == http.get("/api/v1/models").json()


def test_findings_are_the_latest(http: httpx.Client) -> None:
    """One row for each thing measured, the newest; what is no number is null."""
    (drift,) = http.get("/api/v1/models/wdbc/drift").json()
    assert (0.4, "critical", None, "radius") == (
        drift["statistic"],
        drift["status"],
        drift["p_value"],
        drift["feature"],
    )
    assert "2023-11-14T22:14:20.123456Z" == drift["timestamp"]
    (clinical,) = http.get("/api/v1/models/wdbc/clinical").json()
    assert (0.9, 9, 10) == (
        clinical["value"],
        clinical["numerator"],
        clinical["denominator"],
    )
    (service,) = http.get("/api/v1/models/wdbc/service").json()
    assert ("latency_p95", 12.5) == (service["metric"], service["value"])
    missing = http.get("/api/v1/models/other/drift")
    assert 404 == missing.status_code
    assert "expected: one that GET /api/v1/models lists" in missing.json()["detail"]


def test_the_document_is_served_and_no_page_of_others(http: httpx.Client) -> None:
    """OpenAPI describes every route; no page loads from elsewhere."""
    paths = http.get("/openapi.json").json()["paths"]
    assert {"/healthz", "/readyz", "/metrics", "/api/v1/query"} <= set(paths)
    assert 404 == http.get("/docs").status_code
    assert 404 == http.get("/redoc").status_code


def test_a_foreign_host_is_refused(http: httpx.Client) -> None:
    """DNS rebinding gets a problem, as JSON."""
    response = http.get("/api/v1/models", headers={"Host": "evil.example"})
    assert (403, 497) == (response.status_code, response.json()["code"])


def test_the_query_command(
    served: Served, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """It prints the result, or why there is none; the exit code tells which."""
    sql = "SELECT model_version, count() AS n FROM inferences GROUP BY 1 ORDER BY 1"
    assert 0 == cli.main(["query", sql, "--json", "--api", served.api])
    lines = capfdbinary.readouterr().out.splitlines()
    assert [{"model_version": "1", "n": 150}, {"model_version": "2", "n": 50}] == [
        json.loads(line) for line in lines
    ]
    assert 0 == cli.main(["query", "SELECT 1 AS one", "--api", f"{served.api}/"])
    assert "one" in capfdbinary.readouterr().out.decode()
    assert 1 == cli.main(["query", "SELECT * FROM nope", "--api", served.api])
    out, err = capfdbinary.readouterr()
    assert (b"", b"UNKNOWN_TABLE" in err) == (out, True)
    assert 1 == cli.main(["query", "SELECT 1", "--api", served.sql])
    assert b"expected: the API of a processor" in capfdbinary.readouterr().err
