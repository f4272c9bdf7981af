"""Everything that a report says, read by plain SQL from the processor that runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]

_NEWEST: Final = """
SELECT * FROM {table} WHERE model_name = {{model:String}}
    AND timestamp > {{since:DateTime64(9)}} {where}
ORDER BY timestamp DESC LIMIT 1 BY model_version, {key}
"""
_SERIES: Final = """
SELECT model_version, {key}, toUnixTimestamp(timestamp) AS at, {columns}
FROM {table} WHERE model_name = {{model:String}}
    AND timestamp > {{since:DateTime64(9)}} {where}
ORDER BY timestamp LIMIT 20000
"""
_LABELLED: Final = """
SELECT lower(predicted) AS predicted, lower(actual) AS actual, score
FROM (
    SELECT * FROM joined_outcomes WHERE model_name = {model:String}
        AND outcome_type = 'diagnostic' AND made > {since:DateTime64(9)}
    ORDER BY received DESC LIMIT 1 BY outcome_key
)
WHERE actual != '' AND score IS NOT NULL
ORDER BY cityHash64(inference_id, row) LIMIT 20000
"""
_PLAN: Final = """
SELECT plan_version, title, owner, plan FROM monitoring_plans
ORDER BY timestamp DESC LIMIT 1
"""
_VERSIONS: Final = """
SELECT model_version, count() AS predictions,
    toString(min(timestamp)) AS first, toString(max(timestamp)) AS last
FROM inferences WHERE model_name = {model:String}
GROUP BY model_version ORDER BY model_version
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one model since some time."""

    model: str
    since: str
    versions: list[Row]
    figures: list[Row]
    estimates: list[Row]
    history: list[Row]
    drift: list[Row]
    drift_history: list[Row]
    labelled: list[Row]
    plan: Row | None

    def as_dict(self) -> Row:
        """Return all but the labelled rows, for `--json`."""
        return {
            "model": self.model,
            "since": self.since,
            "versions": self.versions,
            "figures": self.figures,
            "estimates": self.estimates,
            "drift": self.drift,
            "plan": self.plan,
        }


def facts(
    ask: Callable[[str, dict[str, str]], list[Row]], model: str, since: str
) -> Facts:
    """Return what *ask*, a reader of SQL, knows of *model* after *since* (UTC)."""
    parameters = {"model": model, "since": since}

    def rows(sql: str, **parts: str) -> list[Row]:
        return ask(sql.format(**parts) if parts else sql, parameters)

    return Facts(
        model=model,
        since=since,
        versions=rows(_VERSIONS),
        figures=rows(
            _NEWEST,
            table="clinical_metrics",
            key="metric, subgroup_key, subgroup_value",
            where="",
        ),
        estimates=rows(
            _NEWEST,
            table="performance_estimates",
            key="metric",
            where="AND realised IS NULL",
        ),
        history=rows(
            _SERIES,
            table="performance_estimates",
            key="metric",
            columns="value, lower, upper, realised, status, reason",
            where="AND metric IN ('auroc', 'diagnostic_accuracy')",
        ),
        drift=rows(
            _NEWEST,
            table="drift_findings",
            key="feature, method",
            where="AND subgroup_key = ''",
        ),
        drift_history=rows(
            _SERIES,
            table="drift_findings",
            key="feature",
            columns="max(statistic) AS statistic, max(status = 'drift') AS drifted",
            where="AND subgroup_key = '' AND feature != '' AND method = 'psi' "
            "GROUP BY model_version, feature, timestamp",
        ),
        labelled=rows(_LABELLED),
        plan=next(iter(rows(_PLAN)), None),
    )
