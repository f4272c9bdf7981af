"""Medical AI: is each model used, right in time, unfailing, and fed what it knows?"""

from __future__ import annotations

from typing import Final

from algovigil_dashboards.chosen import (
    DEPLOYMENTS,
    MODEL,
    SILENCES,
    SITE,
    VERSION,
    where,
)
from algovigil_dashboards.dashboard import Annotation, Dashboard
from algovigil_dashboards.panels import (
    BLUE,
    GREEN,
    GREY,
    RED,
    YELLOW,
    Panel,
    Sql,
    Threshold,
    colored,
    history,
    row,
    series,
    stat,
    table,
    unit,
)

_CALLS: Final = where("bucket", "model", "version", "site")
_FINDINGS: Final = where("timestamp", "model", "version")

DRIFT_WORDS: Final = (
    ("ok", GREEN),
    ("warning", YELLOW),
    ("critical", RED),
    ("drift", RED),
    ("insufficient_data", GREY),
    ("no_data", GREY),
    ("refused", BLUE),
)
"""Statuses of findings and their colours; grey says that nothing can be said."""

DRIFT_ALARMS: Final = Annotation(
    "Drift alarms",
    "orange",
    f"""
SELECT timestamp AS time, concat(model_name, ': ', feature) AS text, 'drift' AS tags
FROM drift_findings
WHERE {_FINDINGS} AND status NOT IN ('ok', 'insufficient_data', 'no_data')
ORDER BY time LIMIT 500
""",
)


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="algovigil-medical-ai",
        title="Medical AI",
        description="Every model in use: calls, latency, errors, versions, drift.",
        variables=(MODEL, VERSION, SITE),
        annotations=(DEPLOYMENTS, DRIFT_ALARMS, SILENCES),
        panels=(*_glance(), *_use(), *_drift()),
    )


def _glance() -> tuple[Panel, ...]:
    def total(what: str, name: str) -> Sql:
        return Sql(
            f"SELECT {what} AS `{name}` FROM inference_rollup WHERE {_CALLS}",
            series=False,
        )

    return (
        stat("Predictions", total("sum(predictions)", "predictions"), unit="short"),
        stat("Calls", total("sum(calls)", "calls"), unit="short"),
        stat(
            "Failed calls",
            total("if(sum(calls) = 0, NULL, sum(errors) / sum(calls))", "failed"),
            unit="percentunit",
            decimals=2,
            thresholds=(
                Threshold(None, GREEN),
                Threshold(0.001, YELLOW),
                Threshold(0.01, RED),
            ),
        ),
        stat(
            "Latency, 95th percentile",
            total(
                "if(sum(calls) = 0, NULL, "
                "quantilesTDigestMerge(0.5, 0.95, 0.99)(latency)[2])",
                "p95",
            ),
            unit="ms",
            thresholds=(
                Threshold(None, GREEN),
                Threshold(1000, YELLOW),
                Threshold(2000, RED),
            ),
        ),
        stat(
            "Models in use",
            total("uniqExact(model_name)", "models"),
            unit="short",
        ),
        stat(
            "Features with drift now",
            Sql(
                f"""
SELECT if(count() = 0, NULL,
    countIf(now_status IN ('warning', 'critical', 'drift'))) AS features
FROM (
    SELECT model_name, model_version, feature,
        argMax(status, timestamp) AS now_status
    FROM drift_findings WHERE {_FINDINGS}
    GROUP BY model_name, model_version, feature
)
""",
                series=False,
            ),
            thresholds=(Threshold(None, GREEN), Threshold(1, RED)),
            description="By the newest finding of each feature; grey: none was judged.",
        ),
    )


def _use() -> tuple[Panel, ...]:
    return (
        row("Use"),
        series(
            "Predictions a minute by model and version",
            Sql(f"""
SELECT $__timeInterval(bucket) AS time,
    concat(model_name, ' ', model_version) AS name,
    sum(predictions) * 60 / $__interval_s AS predictions
FROM inference_rollup WHERE {_CALLS} GROUP BY time, name ORDER BY time
"""),
            low=0,
            description="A version that takes over: one line rises as another falls.",
        ),
        series(
            "Latency",
            Sql(f"""
SELECT $__timeInterval(bucket) AS time,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(latency)[1] AS p50,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(latency)[2] AS p95,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(latency)[3] AS p99
FROM inference_rollup WHERE {_CALLS}
GROUP BY time HAVING sum(calls) > 0 ORDER BY time
"""),
            unit="ms",
            low=0,
        ),
        series(
            "Failed calls over time",
            Sql(f"""
SELECT $__timeInterval(bucket) AS time, model_name AS name,
    sum(errors) / sum(calls) AS failed
FROM inference_rollup WHERE {_CALLS}
GROUP BY time, name HAVING sum(calls) > 0 ORDER BY time
"""),
            unit="percentunit",
            low=0,
        ),
        series(
            "What the models say",
            Sql(f"""
SELECT $__timeInterval(timestamp) AS time, concat(model_name, ': ', label) AS name,
    sum(row_weight) AS predictions
FROM inferences
WHERE {where("timestamp", "model", "version", "site")} AND label IS NOT NULL
    AND label IN (
        SELECT label FROM inferences
        WHERE {where("timestamp", "model", "version", "site")} AND label IS NOT NULL
        GROUP BY label ORDER BY count() DESC LIMIT 10)
GROUP BY time, name ORDER BY time
"""),
            low=0,
            width=12,
            custom={"stacking": {"mode": "normal"}, "fillOpacity": 30},
            description="Predictions by label, the ten most frequent.",
        ),
        series(
            "Score: quartiles",
            Sql(f"""
SELECT $__timeInterval(timestamp) AS time,
    quantileIf(0.25)(score, isNotNull(score)) AS lower_quartile,
    quantileIf(0.5)(score, isNotNull(score)) AS median,
    quantileIf(0.75)(score, isNotNull(score)) AS upper_quartile
FROM inferences WHERE {where("timestamp", "model", "version", "site")}
GROUP BY time HAVING count(score) > 0 ORDER BY time
"""),
            width=12,
        ),
    )


def _drift() -> tuple[Panel, ...]:
    newest = Sql(
        f"""
SELECT model_name AS Model, model_version AS Version, feature AS Feature,
    method AS Test, argMax(status, timestamp) AS Status,
    argMax(statistic, timestamp) AS Statistic,
    argMax(threshold, timestamp) AS Threshold,
    argMax(p_adjusted, timestamp) AS `p (adjusted)`,
    argMax(rows_current, timestamp) AS n, max(timestamp) AS Judged
FROM drift_findings WHERE {_FINDINGS}
GROUP BY Model, Version, Feature, Test
ORDER BY Status IN ('critical', 'drift') DESC, Status = 'warning' DESC,
    Statistic DESC
LIMIT 200
"""
    )
    over_time = Sql(f"""
SELECT $__timeInterval(timestamp) AS time, concat(model_name, ' / ', feature) AS name,
    argMax(status, (status IN ('critical', 'drift'), status = 'warning', timestamp))
        AS status
FROM drift_findings WHERE {_FINDINGS} GROUP BY time, name ORDER BY time
""")
    return (
        row("Drift: does a model still see what it was approved for?"),
        history(
            "Verdict by feature",
            over_time,
            width=12,
            height=11,
            words=DRIFT_WORDS,
            description="The worst verdict of each interval. Grey is no verdict, not "
            "a good one.",
        ),
        table(
            "Newest findings, worst first",
            newest,
            width=12,
            height=11,
            words=DRIFT_WORDS,
            overrides=(
                colored("Status"),
                unit("Statistic", "none", 3),
                unit("Threshold", "none", 3),
                unit("p (adjusted)", "none", 4),
            ),
        ),
    )
