"""A slow decoder over upb messages, written apart from the product: what rows must be.

It knows the exporter's mapping only from its documentation and shares no code with
`algovigil_processor.decode`.
"""

from __future__ import annotations

import base64
import json
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Row = dict[str, Any]
REQUESTS = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
LATEST_NS = 9_223_372_036 * 10**9
KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
STATUSES = ("Unset", "Ok", "Error")


def es6(x: float) -> str:
    if not math.isfinite(x):
        return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    if x == 0:
        return "-0" if math.copysign(1, x) < 0 else "0"
    sign, digits, exponent = Decimal(repr(x)).normalize().as_tuple()
    text = "".join(map(str, digits))
    assert isinstance(exponent, int)
    point = len(text) + exponent
    if abs(x) < 1e-6 or abs(x) >= 1e21:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        power = point - 1
        out = f"{text[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power)}"
    elif point <= 0:
        out = f"0.{'0' * -point}{text}"
    elif point >= len(text):
        out = text + "0" * (point - len(text))
    else:
        out = f"{text[:point]}.{text[point:]}"
    return f"-{out}" if sign else out


def quoted(text: str) -> str:
    out = json.dumps(text, ensure_ascii=False)
    return out.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def as_json(value: Any) -> str:
    match value.WhichOneof("value"):
        case None | "string_value_strindex":
            return "null"
        case "string_value":
            return quoted(value.string_value)
        case "double_value":
            x = value.double_value
            return es6(x) if math.isfinite(x) else f'"{es6(x)}"'
        case "bytes_value":
            return f'"{base64.b64encode(value.bytes_value).decode()}"'
        case "array_value":
            return f"[{','.join(as_json(v) for v in value.array_value.values)}]"
        case "kvlist_value":
            pairs = {p.key: as_json(p.value) for p in value.kvlist_value.values}
            body = ",".join(f"{quoted(k)}:{pairs[k]}" for k in sorted(pairs))
            return f"{{{body}}}"
    return as_text(value)


def as_text(value: Any) -> str:
    match value.WhichOneof("value"):
        case None | "string_value_strindex":
            return ""
        case "string_value":
            return value.string_value
        case "bool_value":
            return str(value.bool_value).lower()
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return es6(value.double_value)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
    return as_json(value)


def as_map(attributes: Iterable[Any]) -> list[tuple[str, str]]:
    last = {pair.key: as_text(pair.value) for pair in attributes}
    return sorted(last.items(), key=lambda pair: pair[0].encode())


def as_time(ns: int) -> int:
    return min(ns, LATEST_NS)


def as_id(raw: bytes) -> str:
    return raw.hex() if any(raw) else ""


def good(raw: bytes, size: int) -> bool:
    return len(raw) == size and any(raw)


def records(message: Any, signal: str) -> Iterator[tuple[Any, Any, Any]]:
    for resource in getattr(message, f"resource_{signal}"):
        for scope in getattr(resource, f"scope_{signal}"):
            name = "log_records" if signal == "logs" else signal
            for record in getattr(scope, name):
                yield resource, scope, record


def service(resource: Any) -> str:
    return dict(as_map(resource.resource.attributes)).get("service.name", "")


def spans(message: Any) -> tuple[list[Row], int]:
    rows, refused = [], 0
    for resource, scope, span in records(message, "spans"):
        linked = all(
            len(link.trace_id) in (0, 16) and len(link.span_id) in (0, 8)
            for link in span.links
        )
        if not (
            good(span.trace_id, 16)
            and good(span.span_id, 8)
            and len(span.parent_span_id) in (0, 8)
            and linked
        ):
            refused += 1
            continue
        code, kind = span.status.code, span.kind
        start, end = span.start_time_unix_nano, span.end_time_unix_nano
        rows.append(
            {
                "Timestamp": as_time(start),
                "TraceId": as_id(span.trace_id),
                "SpanId": as_id(span.span_id),
                "ParentSpanId": as_id(span.parent_span_id),
                "TraceState": span.trace_state,
                "SpanName": span.name,
                "SpanKind": KINDS[kind] if 0 <= kind < 6 else "",
                "ServiceName": service(resource),
                "ResourceAttributes": as_map(resource.resource.attributes),
                "ScopeName": scope.scope.name,
                "ScopeVersion": scope.scope.version,
                "SpanAttributes": as_map(span.attributes),
                "Duration": max(end - start, 0),
                "StatusCode": STATUSES[code] if 0 <= code < 3 else "",
                "StatusMessage": span.status.message,
                "Events.Timestamp": [as_time(e.time_unix_nano) for e in span.events],
                "Events.Name": [e.name for e in span.events],
                "Events.Attributes": [as_map(e.attributes) for e in span.events],
                "Links.TraceId": [as_id(k.trace_id) for k in span.links],
                "Links.SpanId": [as_id(k.span_id) for k in span.links],
                "Links.TraceState": [k.trace_state for k in span.links],
                "Links.Attributes": [as_map(k.attributes) for k in span.links],
            }
        )
    return rows, refused


def logs(message: Any, received_ns: int) -> tuple[list[Row], int]:
    rows, refused = [], 0
    for resource, scope, record in records(message, "logs"):
        if len(record.trace_id) not in (0, 16) or len(record.span_id) not in (0, 8):
            refused += 1
            continue
        time = record.time_unix_nano or record.observed_time_unix_nano or received_ns
        rows.append(
            {
                "Timestamp": as_time(time),
                "TraceId": as_id(record.trace_id),
                "SpanId": as_id(record.span_id),
                "TraceFlags": record.flags & 0xFF,
                "SeverityText": record.severity_text,
                "SeverityNumber": min(max(record.severity_number, 0), 255),
                "ServiceName": service(resource),
                "Body": as_text(record.body),
                "ResourceSchemaUrl": resource.schema_url,
                "ResourceAttributes": as_map(resource.resource.attributes),
                "ScopeSchemaUrl": scope.schema_url,
                "ScopeName": scope.scope.name,
                "ScopeVersion": scope.scope.version,
                "ScopeAttributes": as_map(scope.scope.attributes),
                "LogAttributes": as_map(record.attributes),
                "EventName": record.event_name,
            }
        )
    return rows, refused


def number(point: Any) -> float:
    match point.WhichOneof("value"):
        case "as_int":
            return float(point.as_int)
        case "as_double":
            return point.as_double
    return 0.0


def exemplars(point: Any) -> Row:
    return {
        "Exemplars.FilteredAttributes": [
            as_map(e.filtered_attributes) for e in point.exemplars
        ],
        "Exemplars.TimeUnix": [as_time(e.time_unix_nano) for e in point.exemplars],
        "Exemplars.Value": [number(e) for e in point.exemplars],
        "Exemplars.SpanId": [(e.span_id or bytes(8)).hex() for e in point.exemplars],
        "Exemplars.TraceId": [(e.trace_id or bytes(16)).hex() for e in point.exemplars],
    }


def specific(kind: str, data: Any, point: Any) -> Row:
    row: Row = {"Flags": point.flags}
    if kind in ("gauge", "sum"):
        row |= {"Value": number(point), **exemplars(point)}
    else:
        row |= {"Count": point.count, "Sum": point.sum}
    if kind not in ("gauge", "summary"):
        row["AggregationTemporality"] = data.aggregation_temporality
    if kind == "sum":
        row["IsMonotonic"] = data.is_monotonic
    if kind in ("histogram", "exponential_histogram"):
        row |= {"Min": point.min, "Max": point.max, **exemplars(point)}
    if kind == "histogram":
        row["BucketCounts"] = list(point.bucket_counts)
        row["ExplicitBounds"] = list(point.explicit_bounds)
    if kind == "exponential_histogram":
        row |= {"Scale": point.scale, "ZeroCount": point.zero_count}
        for prefix, side in (
            ("Positive", point.positive),
            ("Negative", point.negative),
        ):
            row[f"{prefix}Offset"] = side.offset
            row[f"{prefix}BucketCounts"] = list(side.bucket_counts)
    if kind == "summary":
        quantiles = point.quantile_values
        row["ValueAtQuantiles.Quantile"] = [q.quantile for q in quantiles]
        row["ValueAtQuantiles.Value"] = [q.value for q in quantiles]
    return row


def points(message: Any) -> tuple[dict[str, list[Row]], int]:
    tables: dict[str, list[Row]] = {}
    refused = 0
    for resource, scope, metric in records(message, "metrics"):
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind) if kind else None
        for point in data.data_points if data else ():
            if kind != "summary" and any(
                len(e.trace_id) not in (0, 16) or len(e.span_id) not in (0, 8)
                for e in point.exemplars
            ):
                refused += 1
                continue
            tables.setdefault(f"otel_metrics_{kind}", []).append(
                {
                    "ResourceAttributes": as_map(resource.resource.attributes),
                    "ResourceSchemaUrl": resource.schema_url,
                    "ScopeName": scope.scope.name,
                    "ScopeVersion": scope.scope.version,
                    "ScopeAttributes": as_map(scope.scope.attributes),
                    "ScopeDroppedAttrCount": scope.scope.dropped_attributes_count,
                    "ScopeSchemaUrl": scope.schema_url,
                    "ServiceName": service(resource),
                    "MetricName": metric.name,
                    "MetricDescription": metric.description,
                    "MetricUnit": metric.unit,
                    "Attributes": as_map(point.attributes),
                    "StartTimeUnix": as_time(point.start_time_unix_nano),
                    "TimeUnix": as_time(point.time_unix_nano),
                    **specific(kind, data, point),
                }
            )
    return tables, refused


def expected(
    signal: str, bodies: Iterable[bytes], received_ns: int
) -> tuple[dict[str, list[Row]], tuple[int, ...]]:
    """Return the rows of each `otel_*` table, and the refused records per body."""
    tables: dict[str, list[Row]] = {}
    refused = []
    for body in bodies:
        message = REQUESTS[signal].FromString(body)
        if signal == "traces":
            rows, n = spans(message)
            found = {"otel_traces": rows}
        elif signal == "logs":
            rows, n = logs(message, received_ns)
            found = {"otel_logs": rows}
        else:
            found, n = points(message)
        refused.append(n)
        for table, more in found.items():
            tables.setdefault(table, []).extend(more)
    return {t: rows for t, rows in tables.items() if rows}, tuple(refused)


def readable(rows: pa.RecordBatch) -> list[Row]:
    """Return *rows* as plain values: times as unix ns, maps as sorted pairs."""
    columns = []
    for column in rows.columns:
        kind = column.type
        if pa.types.is_timestamp(kind):
            column = column.cast(pa.int64())
        elif pa.types.is_list(kind) and pa.types.is_timestamp(kind.value_type):
            column = column.cast(pa.list_(pa.int64()))
        columns.append(column.to_pylist())
    names = rows.schema.names
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
