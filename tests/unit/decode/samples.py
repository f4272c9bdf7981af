"""One request of each signal with everything in it, as bytes."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

_NS = 1_700_000_000_000_000_000


def _traces() -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "s"
    scope = resource.scope_spans.add()
    scope.scope.name = "lib"
    for i in range(3):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="GET /")
        span.start_time_unix_nano, span.end_time_unix_nano = _NS, _NS + i
        span.attributes.add(key="http.route").value.string_value = "/patients/{id}"
        span.attributes.add(key="code").value.int_value = 200
        span.attributes.add(key="ok").value.bool_value = True
        span.attributes.add(key="ratio").value.double_value = 0.25
        span.attributes.add(key="raw").value.bytes_value = b"\x00\xff"
        values = span.attributes.add(key="list").value.array_value.values
        values.add().double_value = 1.5
        values.add().string_value = "a"
        pairs = span.attributes.add(key="map").value.kvlist_value.values
        pairs.add(key="z").value.string_value = "q"
        event = span.events.add(name="exception", time_unix_nano=_NS)
        event.attributes.add(key="exception.type").value.string_value = "E"
        span.links.add(trace_id=b"u" * 16, span_id=b"v" * 8)
        span.status.code = 2
    return request.SerializeToString()


def _logs() -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for text in ("hello", "world"):
        record = scope.log_records.add(time_unix_nano=_NS, severity_text="INFO")
        record.body.string_value = text
        record.event_name = "medical_ai.inference.rows"
        record.span_id = b"s" * 8
        name = record.attributes.add(key="medical_ai.model.name")
        name.value.string_value = "m"
        scores = record.attributes.add(key="medical_ai.prediction.scores")
        scores.value.array_value.values.add().double_value = 0.5
    return request.SerializeToString()


def _metrics() -> bytes:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    gauge = scope.metrics.add(name="g").gauge.data_points.add(as_int=3)
    gauge.exemplars.add(as_double=2.0, trace_id=b"t" * 16, span_id=b"s" * 8)
    scope.metrics.add(name="s").sum.data_points.add(as_double=1.0, time_unix_nano=_NS)
    scope.metrics.add(name="h").histogram.data_points.add(
        count=3, sum=2.0, bucket_counts=[1, 2], explicit_bounds=[1.0]
    )
    point = scope.metrics.add(name="e").exponential_histogram.data_points.add(count=3)
    point.positive.bucket_counts.extend([3, 400])
    summary = scope.metrics.add(name="q").summary.data_points.add(count=3, sum=2.0)
    summary.quantile_values.add(quantile=0.5, value=1.0)
    return request.SerializeToString()


REQUESTS = {"traces": _traces(), "logs": _logs(), "metrics": _metrics()}
