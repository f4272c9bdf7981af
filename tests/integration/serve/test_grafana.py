"""The shapes of question that Grafana's OpenTelemetry dashboards put, macros expanded.

Each is a construct of the plugin's bundled dashboards: service map by self-join,
deployments by window function, red metrics, top messages, variables from system tables.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest

from integration.serve.conftest import START_NS, batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client
    from conftest import Served

WHEN = "Timestamp >= toDateTime(1699999000) AND Timestamp <= toDateTime(1700009000)"
BUCKET = "toStartOfInterval(toDateTime(Timestamp), INTERVAL 30 second) AS time"
MINUTE = datetime.datetime.fromisoformat("2023-11-14T22:13:00")
ERROR = "StatusCode IN ('Error', 'STATUS_CODE_ERROR')"


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    """A client of the SQL port over three spans and two log lines."""
    span: dict[str, Any] = {
        "Timestamp": START_NS,
        "TraceId": "a" * 32,
        "SpanId": "b" * 16,
        "SpanName": "GET /score",
        "SpanKind": "Server",
        "ServiceName": "gateway",
        "ResourceAttributes": [("service.version", "1.0")],
        "Duration": 4_000_000,
        "StatusCode": "Ok",
    }
    inner = {"ParentSpanId": "b" * 16, "SpanId": "c" * 16, "ServiceName": "scorer"}
    later = {"Timestamp": START_NS + 60 * 10**9, "SpanId": "d" * 16}
    version = {"ResourceAttributes": [("service.version", "1.1")]}
    log = {
        "Timestamp": START_NS,
        "ServiceName": "gateway",
        "SeverityText": "ERROR",
        "TraceId": "a" * 32,
    }
    served.store.insert(
        [
            batch(
                "otel_traces",
                [
                    span,
                    {**span, **inner, "StatusCode": "Error"},
                    {**span, **later, **version},
                ],
            ),
            batch(
                "otel_logs",
                [
                    {**log, "Body": "refused requestId=a1"},
                    {**log, "Body": "refused requestId=b2"},
                ],
            ),
        ],
        "grafana",
    )
    client = clickhouse_connect.get_client(host="127.0.0.1", port=served.sql_port)
    yield client
    client.close()


SERVICES = f"""
SELECT ServiceName FROM otel.otel_traces WHERE {WHEN}
GROUP BY ServiceName ORDER BY count() DESC LIMIT 10
"""
MAP_NODES = f"""
SELECT ServiceName AS id, concat(toString(count()), ' spans') AS mainstat,
    countIf({ERROR}) / count() AS arc__errors
FROM otel.otel_traces WHERE {WHEN} GROUP BY ServiceName ORDER BY id
"""
MAP_EDGES = """
SELECT concat(parent.ServiceName, '-', child.ServiceName) AS id,
    parent.ServiceName AS source, child.ServiceName AS target, count() AS calls
FROM otel.otel_traces AS child INNER JOIN otel.otel_traces AS parent
    ON child.ParentSpanId = parent.SpanId AND child.TraceId = parent.TraceId
WHERE parent.ServiceName != child.ServiceName
GROUP BY source, target ORDER BY count() DESC LIMIT 50
"""
TRACES = f"""
SELECT TraceId, any(ServiceName) AS Service, max(Duration) AS Longest,
    count() AS Spans, anyIf(StatusCode, {ERROR}) AS Status
FROM otel.otel_traces
WHERE {WHEN} AND 1=1 AND positionCaseInsensitive(SpanName, 'score') > 0
GROUP BY TraceId HAVING max(Duration) >= toUInt64(1) * 1000000 LIMIT 200
"""
DEPLOYMENTS = f"""
SELECT concat(ServiceName, ' deployed ', version,
    if(before != '', concat(' (was ', before, ')'), '')) AS text
FROM (
    SELECT {BUCKET}, ServiceName,
        topK(1)(ResourceAttributes['service.version'])[1] AS version,
        lagInFrame(topK(1)(ResourceAttributes['service.version'])[1])
            OVER (PARTITION BY ServiceName ORDER BY time) AS before
    FROM otel.otel_traces WHERE {WHEN}
    GROUP BY ServiceName, time ORDER BY ServiceName, time
)
WHERE before != '' AND before != version ORDER BY time
"""
RATES = f"""
SELECT {BUCKET}, count() / 30 AS rps, quantile(0.5)(Duration) AS p50,
    quantile(0.99)(Duration) AS p99, countIf({ERROR}) / count() AS errors
FROM otel.otel_traces
WHERE {WHEN} AND ServiceName = 'scorer' AND SpanKind = 'Server'
GROUP BY time ORDER BY time
"""
LEVELS = f"""
SELECT {BUCKET}, SeverityText AS metric, count() AS count
FROM otel.otel_logs WHERE {WHEN} GROUP BY time, metric ORDER BY time
"""
MESSAGES = rf"""
SELECT SeverityText AS Level,
    replaceRegexpAll(Body, '(requestId|spanId)=[a-zA-Z0-9-]+', '\\1=…') AS Message,
    count() AS Count
FROM otel.otel_logs WHERE {WHEN}
GROUP BY Level, ServiceName, Message ORDER BY Count DESC LIMIT 20
"""
LINES = f"""
SELECT Timestamp AS timestamp, Body AS body, SeverityText AS level, LogAttributes,
    TraceId AS traceID
FROM otel.otel_logs WHERE {WHEN} ORDER BY timestamp DESC LIMIT 1000
"""
ONE_TRACE = f"""
WITH '{"a" * 32}' AS trace_id,
    (SELECT min(Start) FROM otel.otel_traces_trace_id_ts
        WHERE TraceId = trace_id) AS first,
    (SELECT max(End) + 1 FROM otel.otel_traces_trace_id_ts
        WHERE TraceId = trace_id) AS last
SELECT SpanId AS spanID, Duration * 0.000001 AS duration, if({ERROR}, 2, 0) AS status,
    arrayMap(key -> map('key', key, 'value', ResourceAttributes[key]),
        mapKeys(ResourceAttributes)) AS tags
FROM otel.otel_traces
WHERE TraceId = trace_id AND Timestamp >= first AND Timestamp <= last
ORDER BY spanID LIMIT 1
"""
DATABASES = """
SELECT database FROM system.tables WHERE name IN ('otel_logs', 'otel_traces')
GROUP BY database HAVING count(DISTINCT name) = 2 ORDER BY database
"""


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (DATABASES, [("otel",)]),
        (SERVICES, [("gateway",), ("scorer",)]),
        (MAP_NODES, [("gateway", "2 spans", 0.0), ("scorer", "1 spans", 1.0)]),
        (MAP_EDGES, [("gateway-scorer", "gateway", "scorer", 1)]),
        (TRACES, [("a" * 32, "gateway", 4_000_000, 3, "Error")]),
        (DEPLOYMENTS, [("gateway deployed 1.1 (was 1.0)",)]),
        (RATES, [(MINUTE, 1 / 30, 4_000_000.0, 4_000_000.0, 1.0)]),
        (LEVELS, [(MINUTE, "ERROR", 2)]),
        (MESSAGES, [("ERROR", "refused requestId=…", 2)]),
        (
            ONE_TRACE,
            [("b" * 16, 4.0, 0, [{"key": "service.version", "value": "1.0"}])],
        ),
    ],
)
def test_the_shape_runs(
    client: Client, sql: str, expected: list[tuple[Any, ...]]
) -> None:
    """The gate lets it pass and the answer is the one that it should be."""
    found = [tuple(row) for row in client.query(sql).result_rows]
    assert expected == found


def test_log_lines_come_newest_first(client: Client) -> None:
    """The log panel reads whole lines with their attributes."""
    rows = client.query(LINES).result_rows
    assert {"refused requestId=a1", "refused requestId=b2"} == {row[1] for row in rows}
