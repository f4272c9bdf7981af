"""Privacy and pipeline health: what was taken out, refused, kept waiting."""

from __future__ import annotations

from typing import Final

from algovigil_dashboards.chosen import where
from algovigil_dashboards.dashboard import Dashboard
from algovigil_dashboards.panels import (
    GREEN,
    RED,
    YELLOW,
    Panel,
    Sql,
    Threshold,
    row,
    series,
    stat,
    table,
)

_TIME: Final = where("TimeUnix")
_OURS: Final = f"{_TIME} AND ServiceName = 'algovigil-processor'"
_ZERO: Final = (Threshold(None, GREEN), Threshold(1, RED))


def _grown(metric: str, group: str = "''") -> str:
    """Return the growth of a cumulative counter by instance and *group*.

    A counter that starts anew begins at zero, so that falls are no growth.
    """
    return f"""
    SELECT TimeUnix, {group} AS name, ResourceAttributes['service.instance.id'] AS id,
        mapSort(Attributes) AS labels,
        greatest(0, Value - lagInFrame(Value, 1, 0) OVER (
            PARTITION BY id, labels ORDER BY TimeUnix
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)) AS grown
    FROM otel_metrics_sum WHERE {_OURS} AND MetricName = 'algovigil.{metric}'
"""


def _total(metric: str, condition: str = "1") -> Sql:
    return Sql(
        f"SELECT sum(grown) AS total FROM ({_grown(metric)}) WHERE {condition}",
        series=False,
    )


def _rate(metric: str, group: str) -> Sql:
    return Sql(f"""
SELECT $__timeInterval(TimeUnix) AS time, name, sum(grown) AS n
FROM ({_grown(metric, group)}) GROUP BY time, name ORDER BY time
""")


def _gauge(metric: str) -> Sql:
    return Sql(f"""
SELECT $__timeInterval(TimeUnix) AS time,
    ResourceAttributes['service.instance.id'] AS name, max(Value) AS value
FROM otel_metrics_gauge WHERE {_OURS} AND MetricName = 'algovigil.{metric}'
GROUP BY time, name ORDER BY time
""")


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="algovigil-privacy-pipeline",
        title="Privacy and pipeline health",
        description="What was taken out, what was refused, what waits.",
        panels=(*_glance(), *_privacy(), *_pipeline()),
    )


def _glance() -> tuple[Panel, ...]:
    return (
        stat("Identifiers taken out", _total("redact.values"), unit="short", width=6),
        stat(
            "Fields dropped because a rule failed",
            _total("redact.errors"),
            thresholds=_ZERO,
            width=6,
            description="A field that could not be judged is gone, not passed on.",
        ),
        stat(
            "Requests turned away",
            _total("intake.refused"),
            thresholds=(Threshold(None, GREEN), Threshold(1, YELLOW)),
            width=6,
            description="With advice to come back: their senders hold them meanwhile.",
        ),
        stat(
            "Segments set aside",
            _total("journal.set_aside"),
            thresholds=_ZERO,
            width=6,
            description="Journal files that could not be read; see the log.",
        ),
    )


def _privacy() -> tuple[Panel, ...]:
    by_class = Sql(f"""
SELECT name AS Class, sum(grown) AS Values
FROM ({_grown("redact.values", "Attributes['class']")})
GROUP BY Class ORDER BY Values DESC
""")
    return (
        row("Privacy"),
        series(
            "Identifiers taken out, by class",
            _rate("redact.values", "Attributes['class']"),
            low=0,
            width=16,
            description="A class that comes or goes says that a sender changed.",
        ),
        table("By class", by_class),
    )


def _pipeline() -> tuple[Panel, ...]:
    requests = "concat(Attributes['signal'], ' ', Attributes['code'])"
    return (
        row("Pipeline"),
        series(
            "Requests by signal and answer", _rate("receive.requests", requests), low=0
        ),
        series(
            "Rows stored by table", _rate("store.rows", "Attributes['table']"), low=0
        ),
        series(
            "Statements of readers by result",
            _rate("sql.queries", "Attributes['result']"),
            low=0,
        ),
        series(
            "Journal, not yet in every table",
            _gauge("journal.bytes"),
            unit="bytes",
            low=0,
        ),
        series("Waiting in memory", _gauge("intake.bytes"), unit="bytes", low=0),
        series("Inserts tried again", _rate("store.retries", "''"), low=0),
    )
