"""The tables of the OpenTelemetry ClickHouse exporter."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from algovigil_processor.schema.fields import (
    COUNTS,
    FLOATS,
    STRING_MAP,
    TEXT,
    TEXTS,
    TIME,
    column,
    safe,
)

SPANS: Final = pa.schema(
    [
        column("Timestamp", TIME),
        safe("TraceId"),
        safe("SpanId"),
        safe("ParentSpanId"),
        column("TraceState", TEXT),
        column("SpanName", TEXT),
        safe("SpanKind"),
        column("ServiceName", TEXT, "key:service.name"),
        column("ResourceAttributes", STRING_MAP),
        column("ScopeName", TEXT),
        column("ScopeVersion", TEXT),
        column("SpanAttributes", STRING_MAP),
        column("Duration", pa.uint64()),
        safe("StatusCode"),
        column("StatusMessage", TEXT),
        column("Events.Timestamp", pa.list_(TIME)),
        column("Events.Name", TEXTS),
        column("Events.Attributes", pa.list_(STRING_MAP)),
        safe("Links.TraceId", TEXTS),
        safe("Links.SpanId", TEXTS),
        column("Links.TraceState", TEXTS),
        column("Links.Attributes", pa.list_(STRING_MAP)),
    ]
)

LOGS: Final = pa.schema(
    [
        column("Timestamp", TIME),
        safe("TraceId"),
        safe("SpanId"),
        column("TraceFlags", pa.uint8()),
        column("SeverityText", TEXT),
        column("SeverityNumber", pa.uint8()),
        column("ServiceName", TEXT, "key:service.name"),
        column("Body", TEXT),
        column("ResourceSchemaUrl", TEXT),
        column("ResourceAttributes", STRING_MAP),
        column("ScopeSchemaUrl", TEXT),
        column("ScopeName", TEXT),
        column("ScopeVersion", TEXT),
        column("ScopeAttributes", STRING_MAP),
        column("LogAttributes", STRING_MAP),
        column("EventName", TEXT),
    ]
)

_METRIC_HEAD: Final = (
    column("ResourceAttributes", STRING_MAP),
    column("ResourceSchemaUrl", TEXT),
    column("ScopeName", TEXT),
    column("ScopeVersion", TEXT),
    column("ScopeAttributes", STRING_MAP),
    column("ScopeDroppedAttrCount", pa.uint32()),
    column("ScopeSchemaUrl", TEXT),
    column("ServiceName", TEXT, "key:service.name"),
    column("MetricName", TEXT),
    column("MetricDescription", TEXT),
    column("MetricUnit", TEXT),
    column("Attributes", STRING_MAP),
    column("StartTimeUnix", TIME),
    column("TimeUnix", TIME),
)

_EXEMPLARS: Final = (
    column("Exemplars.FilteredAttributes", pa.list_(STRING_MAP)),
    column("Exemplars.TimeUnix", pa.list_(TIME)),
    column("Exemplars.Value", FLOATS),
    safe("Exemplars.SpanId", TEXTS),
    safe("Exemplars.TraceId", TEXTS),
)

_FLAGS: Final = column("Flags", pa.uint32())

_TEMPORALITY: Final = column("AggregationTemporality", pa.int32())

_COUNT_SUM: Final = (column("Count", pa.uint64()), column("Sum", pa.float64()))

_MIN_MAX: Final = (column("Min", pa.float64()), column("Max", pa.float64()))

_NUMBER: Final = (*_METRIC_HEAD, column("Value", pa.float64()), _FLAGS, *_EXEMPLARS)
GAUGE: Final = pa.schema(_NUMBER)

SUM: Final = pa.schema([*_NUMBER, _TEMPORALITY, column("IsMonotonic", pa.bool_())])

HISTOGRAM: Final = pa.schema(
    [
        *_METRIC_HEAD,
        *_COUNT_SUM,
        column("BucketCounts", COUNTS),
        column("ExplicitBounds", FLOATS),
        *_EXEMPLARS,
        _FLAGS,
        *_MIN_MAX,
        _TEMPORALITY,
    ]
)

EXPONENTIAL: Final = pa.schema(
    [
        *_METRIC_HEAD,
        *_COUNT_SUM,
        column("Scale", pa.int32()),
        column("ZeroCount", pa.uint64()),
        column("PositiveOffset", pa.int32()),
        column("PositiveBucketCounts", COUNTS),
        column("NegativeOffset", pa.int32()),
        column("NegativeBucketCounts", COUNTS),
        *_EXEMPLARS,
        _FLAGS,
        *_MIN_MAX,
        _TEMPORALITY,
    ]
)

SUMMARY: Final = pa.schema(
    [
        *_METRIC_HEAD,
        *_COUNT_SUM,
        column("ValueAtQuantiles.Quantile", FLOATS),
        column("ValueAtQuantiles.Value", FLOATS),
        _FLAGS,
    ]
)

REQUESTS: Final = pa.schema(
    [
        safe("digest"),
        column("received", TIME),
        column("rejected", pa.uint32()),
    ]
)
