"""Alerts and deliveries: what fires, since when, and whether anybody was told."""

from __future__ import annotations

from typing import Final

from algovigil_dashboards.chosen import MODEL, SILENCES, where
from algovigil_dashboards.dashboard import Dashboard
from algovigil_dashboards.panels import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    Panel,
    Sql,
    Threshold,
    colored,
    row,
    series,
    stat,
    table,
    unit,
)

_EVENTS: Final = where("timestamp", "model")
_TIME: Final = where("timestamp")
_WORDS: Final = (
    ("firing", RED),
    ("pending", YELLOW),
    ("resolved", GREEN),
    ("critical", RED),
    ("warning", YELLOW),
    ("info", BLUE),
)


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="algovigil-alerts",
        title="Alerts and deliveries",
        description="What fires, since when, and whether anybody was told.",
        variables=(MODEL,),
        annotations=(SILENCES,),
        panels=(*_now(), *_deliveries(), *_changes()),
    )


_STANDING: Final = """
    SELECT incident_id, argMax(rule, timestamp) AS rule_name,
        argMax(model_name, timestamp) AS model, argMax(severity, timestamp) AS level,
        argMax(state_to, timestamp) AS state, max(timestamp) AS since,
        argMax(value, timestamp) AS newest
    FROM alert_events
    GROUP BY incident_id
"""


def _now() -> tuple[Panel, ...]:
    alarm = (Threshold(None, GREEN), Threshold(1, RED))

    def firing(level: str) -> Sql:
        return Sql(
            f"SELECT countIf(state = 'firing' AND level = '{level}') AS firing "
            f"FROM ({_STANDING})",
            series=False,
        )

    standing = Sql(f"""
SELECT rule_name AS Rule, model AS Model, level AS Severity, state AS State,
    newest AS Value, since AS Since
FROM ({_STANDING})
WHERE state IN ('firing', 'pending')
ORDER BY level = 'critical' DESC, Since DESC LIMIT 100
""")
    changes = Sql(f"""
SELECT timestamp AS Time, rule AS Rule, model_name AS Model,
    model_version AS Version, concat(site, subgroup) AS Part, severity AS Severity,
    concat(state_from, ' → ', state_to) AS Change, state_to AS State, value AS Value,
    actor AS Who
FROM alert_events WHERE {_EVENTS} ORDER BY Time DESC LIMIT 200
""")
    return (
        stat("Critical, firing", firing("critical"), thresholds=alarm, width=6),
        stat(
            "Warnings, firing",
            firing("warning"),
            thresholds=(Threshold(None, GREEN), Threshold(1, YELLOW)),
            width=6,
        ),
        stat(
            "Transitions in this time",
            Sql(
                f"SELECT count() AS transitions FROM alert_events WHERE {_EVENTS}",
                series=False,
            ),
            width=6,
        ),
        stat(
            "Median time to resolve",
            Sql(
                f"""
SELECT if(count() = 0, NULL, median(seconds)) AS seconds
FROM (
    SELECT incident_id,
        dateDiff('second', minIf(timestamp, state_to = 'firing'),
            maxIf(timestamp, state_to = 'resolved')) AS seconds
    FROM alert_events WHERE {_EVENTS}
    GROUP BY incident_id
    HAVING countIf(state_to = 'firing') > 0 AND countIf(state_to = 'resolved') > 0
)
""",
                series=False,
            ),
            unit="s",
            width=6,
        ),
        table(
            "Now pending or firing",
            standing,
            width=12,
            height=9,
            words=_WORDS,
            overrides=(colored("State"), colored("Severity"), unit("Value", "none", 4)),
        ),
        table(
            "Newest changes",
            changes,
            width=12,
            height=9,
            words=_WORDS,
            overrides=(colored("Severity"), unit("Value", "none", 4)),
        ),
    )


def _deliveries() -> tuple[Panel, ...]:
    attempts = Sql(f"""
SELECT $__timeInterval(timestamp) AS time, concat(channel, ': ', outcome) AS name,
    count() AS attempts
FROM deliveries WHERE {_TIME} GROUP BY time, name ORDER BY time
""")
    channels = Sql(f"""
SELECT channel AS Channel, count() AS Attempts,
    countIf(outcome = 'sent') AS Delivered,
    round(quantile(0.95)(latency_ms)) AS `p95 (ms)`, max(attempt) AS `Most attempts`,
    argMax(outcome, timestamp) AS Newest, argMax(code, timestamp) AS Code,
    max(timestamp) AS Time
FROM deliveries WHERE {_TIME} GROUP BY Channel ORDER BY Delivered / Attempts, Channel
""")
    return (
        row("Was anybody told?"),
        series("Attempts by channel and outcome", attempts, low=0, width=12),
        table("Channels, the least reliable first", channels, width=12),
    )


def _changes() -> tuple[Panel, ...]:
    changes = Sql(f"""
SELECT timestamp AS Time, kind AS What, action AS Change, name AS Name, actor AS Who,
    before AS Before, after AS After
FROM alert_changes WHERE {_TIME} ORDER BY Time DESC LIMIT 200
""")
    return (
        row("Who changed what?"),
        table("Changes of rules and silences", changes, width=24),
    )
