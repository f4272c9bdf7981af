"""Every column of every table, once. Batches are checked against it.

Table names are ClickHouse's. The `otel_*` tables are those of the OpenTelemetry
ClickHouse exporter; `calls` lives only between `decode` and `derive`.

Field metadata `phi` tells `redact` what a string-bearing column is. Without it a
column is free text, keyed by its own name: a column that nobody thought of is cleaned.

    safe            closed vocabulary or hex id, made by `decode` itself
    key:<k>         text under the attribute key <k>
    keyed_by:<c>    list whose element i belongs to the name at i modulo the length of
                    the list column <c> of the same row
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from algovigil_processor.schema import alerts, calls, clinical, drift, otel
from algovigil_processor.schema.fields import (
    FLOAT_MAP,
    FLOATS,
    STRING_MAP,
    TEXT,
    TEXTS,
    TIME,
    empty,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

Table: TypeAlias = Literal[
    "otel_traces",
    "otel_logs",
    "otel_metrics_gauge",
    "otel_metrics_sum",
    "otel_metrics_histogram",
    "otel_metrics_exponential_histogram",
    "otel_metrics_summary",
    "calls",
    "inferences",
    "outcomes",
    "joined_outcomes",
    "reference_profiles",
    "reference_events",
    "bin_counts",
    "drift_findings",
    "drift_changes",
    "retraining_requests",
    "clinical_metrics",
    "calibration_references",
    "performance_estimates",
    "monitoring_plans",
    "service_metrics",
    "alert_changes",
    "alert_events",
    "deliveries",
    "ingest_requests",
]

__all__ = [
    "FLOATS",
    "FLOAT_MAP",
    "SCHEMAS",
    "STRING_MAP",
    "TEXT",
    "TEXTS",
    "TIME",
    "Table",
    "empty",
    "phi",
]

SCHEMAS: Final[Mapping[Table, pa.Schema]] = {
    "otel_traces": otel.SPANS,
    "otel_logs": otel.LOGS,
    "otel_metrics_gauge": otel.GAUGE,
    "otel_metrics_sum": otel.SUM,
    "otel_metrics_histogram": otel.HISTOGRAM,
    "otel_metrics_exponential_histogram": otel.EXPONENTIAL,
    "otel_metrics_summary": otel.SUMMARY,
    "calls": calls.CALLS,
    "inferences": calls.INFERENCES,
    "outcomes": calls.OUTCOMES,
    "joined_outcomes": clinical.JOINED,
    "reference_profiles": drift.REFERENCES,
    "reference_events": drift.REFERENCE_EVENTS,
    "bin_counts": drift.BIN_COUNTS,
    "drift_findings": drift.DRIFT,
    "drift_changes": drift.DRIFT_CHANGES,
    "retraining_requests": drift.RETRAINING,
    "clinical_metrics": clinical.CLINICAL,
    "calibration_references": clinical.CALIBRATIONS,
    "performance_estimates": clinical.ESTIMATES,
    "monitoring_plans": clinical.PLANS,
    "service_metrics": clinical.SERVICE,
    "alert_changes": alerts.CHANGES,
    "alert_events": alerts.ALERTS,
    "deliveries": alerts.DELIVERIES,
    "ingest_requests": otel.REQUESTS,
}


def phi(field: pa.Field) -> str:
    """Return the `phi` note of *field*: what `redact` must take the column for."""
    return (field.metadata or {}).get(b"phi", b"").decode()
