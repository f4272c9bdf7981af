"""What every sender says, and the rows that must come of it, whoever says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

FACTS: Final[dict[str, tuple[str, list[tuple[Any, ...]]]]] = {
    "spans": (
        (
            "SELECT SpanName, SpanKind, Duration, StatusCode, StatusMessage, "
            "ScopeName, ScopeVersion, "
            "mapFilter((k, v) -> k LIKE 'app.%', SpanAttributes), "
            "`Events.Name`, `Events.Attributes`, toUnixTimestamp64Nano(Timestamp) "
            "FROM otel_traces WHERE ServiceName = {service:String} ORDER BY SpanName"
        ),
        [
            (
                "predict sepsis-risk",
                "Internal",
                4_000_000,
                "Error",
                "threshold passed",
                "facts",
                "1.0",
                {},
                ["checked"],
                [{"app.step": "1"}],
                1_700_000_000_001_000_000,
            ),
            (
                "triage",
                "Server",
                250_000_000,
                "Ok",
                "",
                "facts",
                "1.0",
                {
                    "app.levels": '["a","b"]',
                    "app.ready": "true",
                    "app.share": "0.75",
                    "app.size": "12",
                    "app.stage": "triage",
                },
                [],
                [],
                1_700_000_000_000_000_000,
            ),
        ],
    ),
    "the child knows its parent": (
        (
            "SELECT child.SpanName, parent.SpanName FROM otel_traces AS child "
            "JOIN otel_traces AS parent "
            "ON child.TraceId = parent.TraceId AND child.ParentSpanId = parent.SpanId "
            "WHERE child.ServiceName = {service:String}"
        ),
        [("predict sepsis-risk", "triage")],
    ),
    "the model call": (
        (
            "SELECT model_name, label, score, duration_ms FROM inferences "
            "WHERE service_name = {service:String}"
        ),
        [("sepsis-risk", "high", 0.93, 4.0)],
    ),
    "logs": (
        (
            "SELECT Body, SeverityText, SeverityNumber, LogAttributes['app.size'], "
            "toUnixTimestamp64Nano(Timestamp) FROM otel_logs "
            "WHERE ServiceName = {service:String}"
        ),
        [("triage done", "INFO", 9, "12", 1_700_000_000_000_000_000)],
    ),
    "counters": (
        (
            "SELECT MetricName, MetricUnit, Value, IsMonotonic, "
            "AggregationTemporality, Attributes FROM otel_metrics_sum "
            "WHERE ServiceName = {service:String} AND MetricName LIKE 'app.%'"
        ),
        [("app.calls", "{call}", 3.0, True, 2, {"app.stage": "triage"})],
    ),
    "histograms": (
        (
            "SELECT MetricName, MetricUnit, Count, Sum, BucketCounts, ExplicitBounds, "
            "Min, Max FROM otel_metrics_histogram WHERE ServiceName = {service:String} "
            "AND MetricName LIKE 'app.%'"
        ),
        [("app.wait", "ms", 2, 20.0, [1, 1, 0], [10.0, 100.0], 5.0, 15.0)],
    ),
    "gauges": (
        (
            "SELECT MetricName, Value FROM otel_metrics_gauge "
            "WHERE ServiceName = {service:String} AND MetricName LIKE 'app.%'"
        ),
        [("app.load", 0.5)],
    ),
}


def read(client: Client, what: str, service: str) -> list[tuple[Any, ...]]:
    """Return the rows of *what* that *service* left."""
    sql, _ = FACTS[what]
    found = client.query(sql, parameters={"service": service}).result_rows
    return [tuple(row) for row in found]
