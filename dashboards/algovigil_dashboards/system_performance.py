"""System performance: hosts, GPUs, latency per model, service levels."""

from __future__ import annotations

from typing import Final

from algovigil_dashboards.chosen import DEPLOYMENTS, MODEL, VERSION, where
from algovigil_dashboards.dashboard import Dashboard, Variable
from algovigil_dashboards.panels import (
    GREEN,
    RED,
    YELLOW,
    Panel,
    Sql,
    Threshold,
    row,
    series,
    table,
    unit,
)

_ROLLUP: Final = where("bucket", "model", "version")
_HOST: Final = (
    "if(ResourceAttributes['host.name'] = '', ServiceName, "
    "ResourceAttributes['host.name'])"
)
_CHOSEN_HOST: Final = f"$__conditionalAll({_HOST} IN (${{host:singlequote}}), $host)"
_BUSY: Final = (Threshold(None, GREEN), Threshold(0.8, YELLOW), Threshold(0.95, RED))

HOST: Final = Variable(
    "host",
    "Host",
    f"SELECT DISTINCT {_HOST} AS host FROM otel_metrics_gauge "
    "WHERE $__timeFilter(TimeUnix) ORDER BY host",
)


def _gauge(metric: str, label: str, *, value: str = "avg(Value)") -> Sql:
    return Sql(f"""
SELECT $__timeInterval(TimeUnix) AS time, {label} AS name, {value} AS value
FROM otel_metrics_gauge
WHERE $__timeFilter(TimeUnix) AND MetricName = '{metric}' AND {_CHOSEN_HOST}
GROUP BY time, name ORDER BY time
""")


def _levels() -> tuple[Panel, ...]:
    newest = Sql(f"""
SELECT model_name AS Model, model_version AS Version, metric AS Metric,
    argMax(value, timestamp) AS Value, argMax(samples, timestamp) AS n,
    argMax(status, timestamp) AS Status, max(timestamp) AS Measured
FROM service_metrics WHERE {where("timestamp", "model", "version")}
GROUP BY Model, Version, Metric ORDER BY Model, Version, Metric LIMIT 200
""")
    availability = Sql(f"""
SELECT $__timeInterval(timestamp) AS time, model_name AS name,
    min(value) AS availability
FROM service_metrics
WHERE {where("timestamp", "model", "version")} AND metric = 'availability'
    AND value IS NOT NULL
GROUP BY time, name ORDER BY time
""")
    budget = Sql(f"""
SELECT $__timeInterval(timestamp) AS time, concat(model_name, ': ', metric) AS name,
    min(value) AS left_over
FROM service_metrics
WHERE {where("timestamp", "model", "version")} AND metric LIKE '%budget%'
    AND value IS NOT NULL
GROUP BY time, name ORDER BY time
""")
    return (
        row("Service levels"),
        series("Availability", availability, unit="percentunit", high=1),
        series("Error budget that is left", budget, unit="percentunit", high=1),
        table("Service levels now", newest, overrides=(unit("Value", "none", 3),)),
    )


def _latency() -> tuple[Panel, ...]:
    percentiles = Sql(f"""
SELECT $__timeInterval(bucket) AS time, model_name AS name,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(latency)[1] AS p50,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(latency)[2] AS p95,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(latency)[3] AS p99
FROM inference_rollup WHERE {_ROLLUP}
GROUP BY time, name ORDER BY time
""")
    calls = Sql(f"""
SELECT $__timeInterval(bucket) AS time, model_name AS name,
    sum(calls) / $__interval_s AS calls
FROM inference_rollup WHERE {_ROLLUP} GROUP BY time, name ORDER BY time
""")
    failed = Sql(f"""
SELECT $__timeInterval(bucket) AS time, model_name AS name,
    sum(errors) / sum(calls) AS failed
FROM inference_rollup WHERE {_ROLLUP}
GROUP BY time, name HAVING sum(calls) > 0 ORDER BY time
""")
    return (
        row("Models"),
        series(
            "Latency by model",
            percentiles,
            unit="ms",
            low=0,
            description="Median, 95th and 99th percentile of the calls of each model.",
        ),
        series("Calls a second by model", calls, unit="reqps", low=0),
        series(
            "Failed calls by model",
            failed,
            unit="percentunit",
            low=0,
            description="Calls that raised, as a share of all calls in the interval.",
        ),
    )


def _hosts() -> tuple[Panel, ...]:
    memory = Sql(f"""
SELECT $__timeInterval(TimeUnix) AS time, {_HOST} AS name, avg(Value) AS used
FROM otel_metrics_gauge
WHERE $__timeFilter(TimeUnix) AND MetricName = 'system.memory.utilization'
    AND Attributes['state'] = 'used' AND {_CHOSEN_HOST}
GROUP BY time, name ORDER BY time
""")
    process = Sql(f"""
SELECT $__timeInterval(TimeUnix) AS time,
    concat(ServiceName, ' on ', {_HOST}) AS name, max(Value) AS bytes
FROM otel_metrics_sum
WHERE $__timeFilter(TimeUnix) AND MetricName = 'process.memory.usage'
    AND {_CHOSEN_HOST}
GROUP BY time, name ORDER BY time
""")
    busy = Sql(f"""
SELECT $__timeInterval(TimeUnix) AS time, {_HOST} AS name,
    1 - avgIf(Value, Attributes['state'] = 'idle') AS busy
FROM otel_metrics_gauge
WHERE $__timeFilter(TimeUnix) AND MetricName = 'system.cpu.utilization'
    AND {_CHOSEN_HOST}
GROUP BY time, name
HAVING countIf(Attributes['state'] = 'idle') > 0 ORDER BY time
""")
    return (
        row("Hosts"),
        series("CPU in use by host", busy, unit="percentunit", low=0, high=1),
        series("Memory in use by host", memory, unit="percentunit", low=0, high=1),
        series("Memory of each service", process, unit="bytes", low=0),
    )


def _gpus() -> tuple[Panel, ...]:
    gpu = f"concat({_HOST}, ' ', Attributes['hw.id'])"
    memory = Sql(f"""
SELECT $__timeInterval(TimeUnix) AS time, {gpu} AS name, max(Value) AS bytes
FROM otel_metrics_sum
WHERE $__timeFilter(TimeUnix) AND MetricName = 'hw.gpu.memory.usage'
    AND {_CHOSEN_HOST}
GROUP BY time, name ORDER BY time
""")
    errors = Sql(f"""
SELECT {gpu} AS GPU, Attributes['error.type'] AS Error, max(Value) AS Errors
FROM otel_metrics_sum
WHERE $__timeFilter(TimeUnix) AND MetricName = 'hw.errors' AND {_CHOSEN_HOST}
GROUP BY GPU, Error HAVING Errors > 0 ORDER BY Errors DESC LIMIT 20
""")
    return (
        row("GPUs (empty on hosts without one)"),
        series(
            "GPU utilisation",
            _gauge("hw.gpu.utilization", gpu),
            unit="percentunit",
            low=0,
            high=1,
            width=6,
        ),
        series("GPU memory", memory, unit="bytes", low=0, width=6),
        series("GPU power", _gauge("hw.power", gpu), unit="watt", low=0, width=6),
        table("GPU errors", errors, width=6),
    )


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="algovigil-system-performance",
        title="System performance",
        description="What the models cost and whether they keep their service levels.",
        variables=(MODEL, VERSION, HOST),
        annotations=(DEPLOYMENTS,),
        panels=(*_levels(), *_latency(), *_hosts(), *_gpus()),
    )
