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

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "reference_profiles",
    "drift_findings",
    "clinical_metrics",
    "service_metrics",
    "alert_events",
    "deliveries",
    "ingest_requests",
]

TEXT: Final = pa.string()
TIME: Final = pa.timestamp("ns", "UTC")
STRING_MAP: Final = pa.map_(TEXT, TEXT)
FLOAT_MAP: Final = pa.map_(TEXT, pa.float64())
TEXTS: Final = pa.list_(TEXT)
FLOATS: Final = pa.list_(pa.float64())


def _field(name: str, kind: pa.DataType, phi: str = "") -> pa.Field:
    return pa.field(name, kind, metadata={"phi": phi} if phi else None)


def _safe(name: str, kind: pa.DataType = TEXT) -> pa.Field:
    return _field(name, kind, "safe")


_SPANS: Final = pa.schema(
    [
        _field("Timestamp", TIME),
        _safe("TraceId"),
        _safe("SpanId"),
        _safe("ParentSpanId"),
        _field("TraceState", TEXT),
        _field("SpanName", TEXT),
        _safe("SpanKind"),
        _field("ServiceName", TEXT, "key:service.name"),
        _field("ResourceAttributes", STRING_MAP),
        _field("ScopeName", TEXT),
        _field("ScopeVersion", TEXT),
        _field("SpanAttributes", STRING_MAP),
        _field("Duration", pa.uint64()),
        _safe("StatusCode"),
        _field("StatusMessage", TEXT),
        _field("Events.Timestamp", pa.list_(TIME)),
        _field("Events.Name", TEXTS),
        _field("Events.Attributes", pa.list_(STRING_MAP)),
        _safe("Links.TraceId", TEXTS),
        _safe("Links.SpanId", TEXTS),
        _field("Links.TraceState", TEXTS),
        _field("Links.Attributes", pa.list_(STRING_MAP)),
    ]
)

_LOGS: Final = pa.schema(
    [
        _field("Timestamp", TIME),
        _safe("TraceId"),
        _safe("SpanId"),
        _field("TraceFlags", pa.uint8()),
        _field("SeverityText", TEXT),
        _field("SeverityNumber", pa.uint8()),
        _field("ServiceName", TEXT, "key:service.name"),
        _field("Body", TEXT),
        _field("ResourceSchemaUrl", TEXT),
        _field("ResourceAttributes", STRING_MAP),
        _field("ScopeSchemaUrl", TEXT),
        _field("ScopeName", TEXT),
        _field("ScopeVersion", TEXT),
        _field("ScopeAttributes", STRING_MAP),
        _field("LogAttributes", STRING_MAP),
        _field("EventName", TEXT),
    ]
)

_METRIC_HEAD: Final = (
    _field("ResourceAttributes", STRING_MAP),
    _field("ResourceSchemaUrl", TEXT),
    _field("ScopeName", TEXT),
    _field("ScopeVersion", TEXT),
    _field("ScopeAttributes", STRING_MAP),
    _field("ScopeDroppedAttrCount", pa.uint32()),
    _field("ScopeSchemaUrl", TEXT),
    _field("ServiceName", TEXT, "key:service.name"),
    _field("MetricName", TEXT),
    _field("MetricDescription", TEXT),
    _field("MetricUnit", TEXT),
    _field("Attributes", STRING_MAP),
    _field("StartTimeUnix", TIME),
    _field("TimeUnix", TIME),
)
_EXEMPLARS: Final = (
    _field("Exemplars.FilteredAttributes", pa.list_(STRING_MAP)),
    _field("Exemplars.TimeUnix", pa.list_(TIME)),
    _field("Exemplars.Value", FLOATS),
    _safe("Exemplars.SpanId", TEXTS),
    _safe("Exemplars.TraceId", TEXTS),
)
_FLAGS: Final = _field("Flags", pa.uint32())
_TEMPORALITY: Final = _field("AggregationTemporality", pa.int32())
_COUNT_SUM: Final = (_field("Count", pa.uint64()), _field("Sum", pa.float64()))
_MIN_MAX: Final = (_field("Min", pa.float64()), _field("Max", pa.float64()))
_COUNTS: Final = pa.list_(pa.uint64())

_GAUGE: Final = (*_METRIC_HEAD, _field("Value", pa.float64()), _FLAGS, *_EXEMPLARS)
_SUM: Final = (*_GAUGE, _TEMPORALITY, _field("IsMonotonic", pa.bool_()))
_HISTOGRAM: Final = (
    *_METRIC_HEAD,
    *_COUNT_SUM,
    _field("BucketCounts", _COUNTS),
    _field("ExplicitBounds", FLOATS),
    *_EXEMPLARS,
    _FLAGS,
    *_MIN_MAX,
    _TEMPORALITY,
)
_EXPONENTIAL: Final = (
    *_METRIC_HEAD,
    *_COUNT_SUM,
    _field("Scale", pa.int32()),
    _field("ZeroCount", pa.uint64()),
    _field("PositiveOffset", pa.int32()),
    _field("PositiveBucketCounts", _COUNTS),
    _field("NegativeOffset", pa.int32()),
    _field("NegativeBucketCounts", _COUNTS),
    *_EXEMPLARS,
    _FLAGS,
    *_MIN_MAX,
    _TEMPORALITY,
)
_SUMMARY: Final = (
    *_METRIC_HEAD,
    *_COUNT_SUM,
    _field("ValueAtQuantiles.Quantile", FLOATS),
    _field("ValueAtQuantiles.Value", FLOATS),
    _FLAGS,
)

_WHO: Final = (
    _safe("trace_id"),
    _safe("span_id"),
    _field("service_name", TEXT, "key:service.name"),
    _field("model_name", TEXT, "key:medical_ai.model.name"),
    _field("model_version", TEXT, "key:medical_ai.model.version"),
    _field("framework", TEXT, "key:medical_ai.model.framework"),
    _field("operation", TEXT, "key:medical_ai.operation"),
    _field("site", TEXT, "key:medical_ai.site"),
    _field("device", TEXT, "key:medical_ai.device"),
    _field("patient_id", TEXT, "key:medical_ai.patient.id"),
    _field("encounter_id", TEXT, "key:medical_ai.encounter.id"),
    _field("error_type", TEXT, "key:error.type"),
)

_CALLS: Final = pa.schema(
    [
        _field("timestamp", TIME),
        _field("duration_ms", pa.float64()),
        *_WHO,
        _field("inference_id", TEXT, "key:medical_ai.inference.id"),
        _field("rows", pa.int64()),
        _field("row_weight", pa.float64()),
        _field("feature_names", TEXTS, "key:medical_ai.feature.names"),
        _field("feature_values", FLOATS, "keyed_by:feature_names"),
        _field("category_names", TEXTS, "key:medical_ai.category.names"),
        _field("category_values", TEXTS, "keyed_by:category_names"),
        _field("labels", TEXTS, "key:medical_ai.prediction.label"),
        _field("scores", FLOATS),
        _field("subgroup", STRING_MAP),
    ]
)

_INFERENCES: Final = pa.schema(
    [
        _field("inference_id", TEXT),
        _field("timestamp", TIME),
        _field("row", pa.uint32()),
        *_WHO,
        _field("duration_ms", pa.float64()),
        _field("label", TEXT),
        _field("score", pa.float64()),
        _field("features", FLOAT_MAP),
        _field("missing", TEXTS),
        _field("categories", STRING_MAP),
        _field("subgroup", STRING_MAP),
        _field("row_weight", pa.float64()),
        _field("policy", TEXT),
    ]
)

_OUTCOMES: Final = pa.schema(
    [
        _field("outcome_id", TEXT),
        _field("timestamp", TIME),
        _field("received", TIME),
        _field("outcome_type", TEXT),
        _field("inference_id", TEXT),
        _safe("trace_id"),
        _field("patient_id", TEXT),
        _field("model_name", TEXT),
        _field("model_version", TEXT),
        _field("predicted_value", TEXT),
        _field("actual_value", TEXT),
        _field("confidence_score", pa.float64()),
        _field("treatment", TEXT),
        _field("treatment_outcome", TEXT),
        _field("treatment_effectiveness", pa.float64()),
        _field("severity", TEXT),
        _field("reported", pa.bool_()),
        _field("policy", TEXT),
    ]
)

_FINDING_HEAD: Final = (
    _field("timestamp", TIME),
    _field("model_name", TEXT, "key:medical_ai.model.name"),
    _field("model_version", TEXT, "key:medical_ai.model.version"),
    _field("window_start", TIME),
    _field("window_end", TIME),
)

_REFERENCES: Final = pa.schema(
    [
        _field("reference_id", TEXT, "safe"),
        _field("created", TIME),
        _field("model_name", TEXT, "key:medical_ai.model.name"),
        _field("model_version", TEXT, "key:medical_ai.model.version"),
        _field("feature", TEXT, "key:medical_ai.feature.names"),
        _safe("kind"),
        _field("rows", pa.uint64()),
        _field("missing", pa.uint64()),
        _field("edges", FLOATS),
        _field("levels", TEXTS),
        _field("counts", _COUNTS),
        _field("sample", FLOATS),
        _field("provisional", pa.bool_()),
    ]
)

_DRIFT: Final = pa.schema(
    [
        *_FINDING_HEAD,
        _safe("reference_id"),
        _field("feature", TEXT, "key:medical_ai.feature.names"),
        _safe("method"),
        _field("statistic", pa.float64()),
        _field("p_value", pa.float64()),
        _field("p_adjusted", pa.float64()),
        _field("threshold", pa.float64()),
        _field("rows_reference", pa.uint64()),
        _field("rows_current", pa.uint64()),
        _safe("status"),
    ]
)

_CLINICAL: Final = pa.schema(
    [
        *_FINDING_HEAD,
        _safe("metric"),
        _field("value", pa.float64()),
        _field("lower", pa.float64()),
        _field("upper", pa.float64()),
        _field("numerator", pa.uint64()),
        _field("denominator", pa.uint64()),
        _field("inferences", pa.uint64()),
        _field("labelled", pa.uint64()),
        _safe("status"),
    ]
)

_SERVICE: Final = pa.schema(
    [
        *_FINDING_HEAD,
        _safe("metric"),
        _field("value", pa.float64()),
        _field("samples", pa.uint64()),
        _safe("status"),
    ]
)

_ALERTS: Final = pa.schema(
    [
        _field("timestamp", TIME),
        _safe("incident_id"),
        _field("rule", TEXT, "key:algovigil.rule"),
        _field("model_name", TEXT, "key:medical_ai.model.name"),
        _safe("severity"),
        _safe("state_from"),
        _safe("state_to"),
        _field("value", pa.float64()),
        _safe("reason"),
    ]
)

_DELIVERIES: Final = pa.schema(
    [
        _field("timestamp", TIME),
        _safe("delivery_id"),
        _safe("incident_id"),
        _field("channel", TEXT, "key:algovigil.channel"),
        _safe("event"),
        _field("attempt", pa.uint32()),
        _field("latency_ms", pa.float64()),
        _safe("outcome"),
        _field("code", pa.int32()),
    ]
)

_REQUESTS: Final = pa.schema(
    [
        _safe("digest"),
        _field("received", TIME),
        _field("rejected", pa.uint32()),
    ]
)

SCHEMAS: Final[Mapping[Table, pa.Schema]] = {
    "otel_traces": _SPANS,
    "otel_logs": _LOGS,
    "otel_metrics_gauge": pa.schema(_GAUGE),
    "otel_metrics_sum": pa.schema(_SUM),
    "otel_metrics_histogram": pa.schema(_HISTOGRAM),
    "otel_metrics_exponential_histogram": pa.schema(_EXPONENTIAL),
    "otel_metrics_summary": pa.schema(_SUMMARY),
    "calls": _CALLS,
    "inferences": _INFERENCES,
    "outcomes": _OUTCOMES,
    "reference_profiles": _REFERENCES,
    "drift_findings": _DRIFT,
    "clinical_metrics": _CLINICAL,
    "service_metrics": _SERVICE,
    "alert_events": _ALERTS,
    "deliveries": _DELIVERIES,
    "ingest_requests": _REQUESTS,
}


def phi(field: pa.Field) -> str:
    """Return the `phi` note of *field*: what `redact` must take the column for."""
    return (field.metadata or {}).get(b"phi", b"").decode()
