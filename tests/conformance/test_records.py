"""What is sent is what is stored: spans, points and log records of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from conformance.rules import rule
from conformance.senders import over_grpc, over_http
from integration.processor.served import trace_request

if TYPE_CHECKING:
    from integration.processor.served import Served

NS = 1_700_000_000_000_000_000


def spans(*numbers: int) -> ExportTraceServiceRequest:
    """Return a request of good spans."""
    return ExportTraceServiceRequest.FromString(trace_request(*numbers, start_ns=NS))


def only(served: Served, sql: str) -> dict[str, Any]:
    """Return the one row of *sql* by column, once it is there."""
    served.wait_for(f"SELECT count() FROM ({sql})", 1)
    (row,) = served.client.query(sql).named_results()
    return dict(row)


@rule("spans", "attributes.unique")
def test_a_span_is_stored_as_sent(served: Served) -> None:
    """Ids, times, kind, status, attributes, events and links; the last of a key."""
    request = spans(0xC1)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.parent_span_id, span.trace_state = b"p" * 8, "a=b"
    span.status.code, span.status.message = 1, "fine"
    for value in ("first", "last"):
        span.attributes.add(key="twice").value.string_value = value
    event = span.events.add(name="e", time_unix_nano=NS + 1)
    event.attributes.add(key="k").value.int_value = 5
    link = span.links.add(trace_id=b"l" * 16, span_id=b"m" * 8, trace_state="c=d")
    link.attributes.add(key="q").value.bool_value = True
    answer = over_grpc(served.addresses["grpc"], request.SerializeToString())
    assert not answer.body.HasField("partial_success")
    row = only(served, f"SELECT * FROM otel_traces WHERE SpanId = '{0xC1:016x}'")
    expected = {
        "TraceId": f"{0xC1:032x}",
        "ParentSpanId": (b"p" * 8).hex(),
        "TraceState": "a=b",
        "SpanName": "predict m",
        "SpanKind": "Internal",
        "ServiceName": "ward",
        "ResourceAttributes": {"service.name": "ward"},
        "Duration": 1000,
        "StatusCode": "Ok",
        "StatusMessage": "fine",
        "Events.Name": ["e"],
        "Events.Attributes": [{"k": "5"}],
        "Links.TraceId": [(b"l" * 16).hex()],
        "Links.SpanId": [(b"m" * 8).hex()],
        "Links.TraceState": ["c=d"],
        "Links.Attributes": [{"q": "true"}],
    }
    assert expected == {key: row[key] for key in expected}
    assert "last" == row["SpanAttributes"]["twice"]


@rule("spans.ids", "partial")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trace_id", b""),
        ("trace_id", bytes(16)),
        ("trace_id", b"x" * 15),
        ("span_id", b""),
        ("span_id", bytes(8)),
        ("span_id", b"x" * 9),
    ],
)
def test_a_span_with_an_invalid_id_goes_alone(
    served: Served, field: str, value: bytes
) -> None:
    """Its neighbours stay; the count is exact and the rule is named."""
    number = 0xC2000 + len(value) + (field == "span_id") * 0x100
    request = spans(number, 1)
    setattr(request.resource_spans[0].scope_spans[0].spans[1], field, value)
    answer = over_grpc(served.addresses["grpc"], request.SerializeToString())
    assert 1 == answer.body.partial_success.rejected_spans
    assert field in answer.body.partial_success.error_message
    only(served, f"SELECT SpanId FROM otel_traces WHERE SpanId = '{number:016x}'")


@rule("proto.unknown")
def test_unknown_protobuf_fields_are_ignored(served: Served) -> None:
    """A newer sender's fields cost an older receiver nothing."""
    body = spans(0xC3).SerializeToString() + b"\xa2\x06\x03new"
    assert 200 == over_http(served.addresses["http"], body).code
    only(served, f"SELECT SpanId FROM otel_traces WHERE SpanId = '{0xC3:016x}'")


@rule("ack", "retry.duplicate")
def test_a_request_sent_again_is_stored_once(served: Served) -> None:
    """The sender never saw the answer, and repeats: over the other transport too."""
    body = spans(0xC4, 0xC5).SerializeToString()
    for _ in range(2):
        over_grpc(served.addresses["grpc"], body)
    over_http(served.addresses["http"], body, encoding="gzip")
    over_grpc(served.addresses["grpc"], spans(0xC6).SerializeToString())
    served.wait_for(
        "SELECT count() FROM otel_traces WHERE SpanId IN "
        f"('{0xC4:016x}', '{0xC5:016x}', '{0xC6:016x}')",
        3,
    )


@rule("response.size")
def test_a_response_stays_small_whatever_was_refused(served: Served) -> None:
    """Reasons are of the rules, not of the records."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for _ in range(4000):
        scope.spans.add(name="no ids", parent_span_id=b"x")
    body = request.SerializeToString()
    answer = over_grpc(served.addresses["grpc"], body)
    assert 4000 == answer.body.partial_success.rejected_spans
    assert len(answer.body.SerializeToString()) < 1000


def metric(name: str) -> tuple[ExportMetricsServiceRequest, Any]:
    """Return a request of one metric, and that metric."""
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    return request, scope.metrics.add(name=name, unit="1", description="d")


def measured(point: Any) -> None:
    """Give *point* its times, an attribute and an exemplar."""
    point.start_time_unix_nano, point.time_unix_nano = NS, NS + 1
    point.attributes.add(key="k").value.string_value = "v"
    if "exemplars" in point.DESCRIPTOR.fields_by_name:
        exemplar = point.exemplars.add(as_double=0.5, time_unix_nano=NS + 2)
        exemplar.trace_id, exemplar.span_id = b"t" * 16, b"s" * 8
        exemplar.filtered_attributes.add(key="f").value.int_value = 7


def _gauge(metric: Any) -> Any:
    return metric.gauge.data_points.add(as_double=1.5)


def _sum(metric: Any) -> Any:
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, 2
    return metric.sum.data_points.add(as_int=3)


def _histogram(metric: Any) -> Any:
    return metric.histogram.data_points.add(
        count=3, sum=2.5, bucket_counts=[1, 2], explicit_bounds=[1.0], min=0.1, max=2.0
    )


def _exponential(metric: Any) -> Any:
    point = metric.exponential_histogram.data_points.add(
        count=3, sum=2.5, scale=-1, zero_count=1, min=0.1, max=2.0
    )
    point.positive.offset = 2
    point.positive.bucket_counts.extend([1, 2])
    return point


def _summary(metric: Any) -> Any:
    point = metric.summary.data_points.add(count=3, sum=2.5)
    point.quantile_values.add(quantile=0.5, value=1.0)
    return point


@rule("points", "points.exemplars")
@pytest.mark.parametrize(
    ("make", "table", "expected"),
    [
        (_gauge, "gauge", {"Value": 1.5}),
        (
            _sum,
            "sum",
            {"Value": 3.0, "IsMonotonic": True, "AggregationTemporality": 2},
        ),
        (
            _histogram,
            "histogram",
            {
                "Count": 3,
                "Sum": 2.5,
                "BucketCounts": [1, 2],
                "ExplicitBounds": [1.0],
                "Min": 0.1,
                "Max": 2.0,
            },
        ),
        (
            _exponential,
            "exponential_histogram",
            {
                "Count": 3,
                "Scale": -1,
                "ZeroCount": 1,
                "PositiveOffset": 2,
                "PositiveBucketCounts": [1, 2],
                "NegativeBucketCounts": [],
            },
        ),
        (
            _summary,
            "summary",
            {
                "Count": 3,
                "ValueAtQuantiles.Quantile": [0.5],
                "ValueAtQuantiles.Value": [1.0],
            },
        ),
    ],
)
def test_a_point_of_each_kind_is_stored_as_sent(
    served: Served, make: Any, table: str, expected: dict[str, object]
) -> None:
    """Its values, its times to the nanosecond, its exemplars."""
    request, one = metric(f"conformance.{table}")
    measured(make(one))
    over_grpc(served.addresses["grpc"], request.SerializeToString(), "metrics")
    row = only(
        served,
        f"SELECT *, toUnixTimestamp64Nano(TimeUnix) AS at FROM otel_metrics_{table} "
        f"WHERE MetricName = 'conformance.{table}'",
    )
    assert expected == {key: row[key] for key in expected}
    assert (NS + 1, {"k": "v"}, "1") == (
        row["at"],
        row["Attributes"],
        row["MetricUnit"],
    )
    if table != "summary":
        assert (
            [0.5],
            [(b"t" * 16).hex()],
            [(b"s" * 8).hex()],
            [{"f": "7"}],
        ) == tuple(
            row[f"Exemplars.{name}"]
            for name in ("Value", "TraceId", "SpanId", "FilteredAttributes")
        )


def _array() -> AnyValue:
    value = AnyValue()
    value.array_value.values.add().int_value = 1
    value.array_value.values.add().string_value = "a"
    return value


def _map() -> AnyValue:
    value = AnyValue()
    for key in ("b", "a"):
        value.kvlist_value.values.add(key=key).value.double_value = 0.5
    return value


@rule("logs.bodies", "logs.events", "logs.flags")
@pytest.mark.parametrize(
    ("number", "body", "text"),
    [
        (1, AnyValue(string_value="text"), "text"),
        (2, AnyValue(bool_value=True), "true"),
        (3, AnyValue(int_value=-5), "-5"),
        (4, AnyValue(double_value=0.25), "0.25"),
        (5, AnyValue(bytes_value=b"\x00\xff"), "AP8="),
        (6, _array(), '[1,"a"]'),
        (7, _map(), '{"a":0.5,"b":0.5}'),
        (8, AnyValue(), ""),
    ],
)
def test_a_log_body_of_each_kind_is_stored(
    served: Served, number: int, body: AnyValue, text: str
) -> None:
    """As the ClickHouse exporter spells it; the event's name and flags beside it."""
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(
            time_unix_nano=NS, event_name=f"event.{number}", flags=0xFFFFFF01, body=body
        )
    )
    record.severity_number = 9
    over_grpc(served.addresses["grpc"], request.SerializeToString(), "logs")
    row = only(served, f"SELECT * FROM otel_logs WHERE EventName = 'event.{number}'")
    assert (text, 1, 9) == (row["Body"], row["TraceFlags"], row["SeverityNumber"])


@rule("logs.time")
def test_a_record_without_time_has_the_time_it_was_observed(served: Served) -> None:
    """As the specification recommends to backends."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    scope.log_records.add(observed_time_unix_nano=NS + 5, event_name="observed")
    over_grpc(served.addresses["grpc"], request.SerializeToString(), "logs")
    row = only(
        served,
        "SELECT toUnixTimestamp64Nano(Timestamp) AS at FROM otel_logs "
        "WHERE EventName = 'observed'",
    )
    assert {"at": NS + 5} == row
