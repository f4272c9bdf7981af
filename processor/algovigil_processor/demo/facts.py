"""What the store says: every figure that the demo shows or counts, by plain SQL.

The questions go to the processor's SQL port, as any user's would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect

if TYPE_CHECKING:
    import pyarrow as pa

# one statement: a dozen of them three times a second would be most of what is measured
_COUNTS: Final = """
SELECT
    (SELECT count() FROM otel_traces) AS spans,
    (SELECT count() FROM otel_logs) AS log_lines,
    (SELECT count() FROM inferences) AS inferences,
    (SELECT uniqExact(outcome_id) FROM outcomes) AS outcomes,
    (SELECT sum(total_rows) FROM system.tables
     WHERE database = 'otel' AND name LIKE 'otel_metrics_%') AS metric_points,
    (SELECT count() FROM drift_findings WHERE status = 'drift') AS drift_findings,
    uniqExactIf(incident_id, state_to = 'firing') AS alerts_fired,
    uniqExactIf(incident_id, reason = 'escalated') AS alerts_escalated,
    uniqExactIf(incident_id, reason = 'acknowledged') AS alerts_acknowledged,
    uniqExactIf(incident_id, state_to = 'resolved') AS alerts_resolved
FROM alert_events
"""
# progression-risk is the model of the nights; every other is the scoring service's
_FIGURE: Final = """
SELECT metric, value, lower, upper, denominator, status
FROM clinical_metrics
WHERE metric IN ('diagnostic_accuracy', 'alert_rate') AND subgroup_key = ''
  AND model_name != 'progression-risk'
ORDER BY timestamp DESC LIMIT 1 BY metric
"""
_ESTIMATE: Final = """
SELECT value, status, reason, toUnixTimestamp64Nano(timestamp) AS at_ns
FROM performance_estimates
WHERE metric = 'diagnostic_accuracy' AND realised IS NULL
  AND model_name != 'progression-risk'
ORDER BY timestamp DESC LIMIT 1
"""
_RECONCILED: Final = """
SELECT value, lower, upper, realised, n
FROM performance_estimates
WHERE metric = 'diagnostic_accuracy' AND realised IS NOT NULL
  AND model_name = 'progression-risk' AND n = {n}
ORDER BY timestamp DESC LIMIT 1
"""
_SERVICE: Final = """
SELECT metric, argMax(value, timestamp) AS latest FROM service_metrics
WHERE value IS NOT NULL GROUP BY metric
"""
_DRIFT: Final = """
SELECT feature, any(rows_current) AS predictions
FROM drift_findings
WHERE timestamp = (
    SELECT max(timestamp) FROM drift_findings WHERE model_name != 'progression-risk'
  )
  AND model_name != 'progression-risk'
  AND subgroup_key = '' AND method NOT IN ('e_process', 'cusum')
  AND (status = 'drift' OR feature = '')
GROUP BY feature ORDER BY feature
"""
_OTHERS: Final = """
SELECT countIf(status = 'drift') AS named, count() AS judged
FROM drift_findings
WHERE model_name != 'progression-risk' AND subgroup_key = ''
  AND feature NOT IN {shifted}
  AND feature NOT IN ('', 'alert_volume')
  AND NOT match(feature, '^(prediction|case_mix)[.]')
  AND method NOT IN ('e_process', 'cusum')
"""
_ALERTS: Final = """
SELECT rule, any(severity) AS severity, argMax(state_to, timestamp) AS state
FROM alert_events GROUP BY rule HAVING state IN ('pending', 'firing') ORDER BY rule
"""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A share, such as diagnostic accuracy, with its 95 % Wilson interval."""

    value: float
    lower: float
    upper: float
    n: int


@dataclass(frozen=True, slots=True)
class Estimated:
    """What was expected of the accuracy before labels came."""

    value: float | None
    status: str
    reason: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Reconciled:
    """An estimate, its band, and what labels said of the same predictions."""

    value: float
    lower: float
    upper: float
    realised: float
    n: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One moment of the store."""

    counts: dict[str, int]
    p95_ms: float | None
    per_second: float | None
    accuracy: Accuracy | None
    volume: Accuracy | None
    """Share of predictions that call the patient ill: the alerts that a ward gets."""
    estimate: Estimated | None
    drifted: tuple[str, ...]
    drift_rows: int
    """Rows of the window that the last drift verdict compared; 0 without one."""
    alerts: tuple[tuple[str, str, str], ...]
    """(rule, severity, state) of what is pending or firing."""


class Facts:
    """Questions to one processor's SQL port."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._client = clickhouse_connect.get_client(
            host=host,
            port=int(port),
            database="otel",
            autogenerate_session_id=False,  # two threads ask at once
        )

    def arrow(self, sql: str) -> pa.Table:
        """Return the result of *sql* as columns."""
        return self._client.query_arrow(sql)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the few rows of a summary."""
        return list(self._client.query(sql).named_results())

    def counts(self) -> dict[str, int]:
        """Return the demo's counts by name."""
        (row,) = self.rows(_COUNTS)
        return {name: int(n) for name, n in row.items()}

    def picture(self) -> Picture:
        """Return what the live view shows."""
        service = {row["metric"]: row["latest"] for row in self.rows(_SERVICE)}
        drift = self.rows(_DRIFT)
        figures = self._figures()
        verdicts = [row for row in drift if not row["feature"]]
        return Picture(
            counts=self.counts(),
            p95_ms=service.get("latency_p95"),
            per_second=service.get("throughput"),
            accuracy=figures.get("diagnostic_accuracy"),
            volume=figures.get("alert_rate"),
            estimate=next((Estimated(**e) for e in self.rows(_ESTIMATE)), None),
            drifted=tuple(row["feature"] for row in drift if row["feature"]),
            drift_rows=sum(row["predictions"] for row in verdicts),
            alerts=tuple(
                (row["rule"], row["severity"], row["state"])
                for row in self.rows(_ALERTS)
            ),
        )

    def reconciled(self, n: int) -> Reconciled | None:
        """Return the nightly model's estimate of *n* predictions, and what came."""
        for row in self.rows(_RECONCILED.format(n=n)):
            return Reconciled(**row)
        return None

    def others(self, shifted: tuple[str, ...]) -> tuple[int, int]:
        """Return how often another feature than *shifted* was named, and judged."""
        (row,) = self.rows(_OTHERS.format(shifted=shifted))
        return int(row["named"]), int(row["judged"])

    def _figures(self) -> dict[str, Accuracy]:
        return {
            row["metric"]: Accuracy(
                row["value"], row["lower"], row["upper"], int(row["denominator"])
            )
            for row in self.rows(_FIGURE)
            if row["status"] == "ok"
        }

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
