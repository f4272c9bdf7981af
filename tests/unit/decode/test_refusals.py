"""Bad records are refused alone and counted; bad bodies raise; nothing crashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from algovigil_processor.batch import Origin
from algovigil_processor.decode import decode
from algovigil_processor.errors import Permanent

if TYPE_CHECKING:
    from algovigil_processor.pipeline import Signal

ORIGIN = Origin("http", 1_700_000_000_000_000_000)
BOTH = AnyValue(string_value="x"), AnyValue(int_value=5)
TWO_MEMBERS = b"".join(v.SerializeToString() for v in BOTH)


def body(*spans: Span) -> bytes:
    scope = ScopeSpans(spans=spans)
    request = ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(scope_spans=[scope])]
    )
    return request.SerializeToString()


def good(**fields: Any) -> Span:
    fields = {"trace_id": b"t" * 16, "span_id": b"s" * 8, **fields}
    return Span(**fields)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"trace_id": b""}, "a trace_id that is not 16 bytes or all zero"),
        ({"trace_id": bytes(16)}, "a trace_id that is not 16 bytes or all zero"),
        ({"trace_id": b"t" * 24}, "a trace_id that is not 16 bytes or all zero"),
        ({"span_id": bytes(8)}, "a span_id that is not 8 bytes or all zero"),
        ({"span_id": b"s" * 7}, "a span_id that is not 8 bytes or all zero"),
        ({"parent_span_id": b"p"}, "a parent_span_id that is not 8 bytes"),
        ({"links": [Span.Link(span_id=b"x")]}, "a link whose ids have the wrong size"),
    ],
)
def test_a_span_with_bad_ids_is_refused_alone(fields: dict[str, Any], why: str) -> None:
    """Only the bad span goes; count and reason belong to the body it came in."""
    bodies = [body(good()), body(good(), good(**fields), good()), body()]
    decoded = decode("traces", bodies, ORIGIN)
    assert decoded.rejected == (0, 1, 0)
    assert decoded.reasons == ("", f"1 with {why}", "")
    assert decoded.batches[0].rows.num_rows == 3


def ambiguous(holder: Any) -> bytes:
    """Return *holder* with the value of its attribute `k` stated twice."""
    clean = KeyValue(key="k", value=AnyValue(string_value="x")).SerializeToString()
    twice = b"\x0a\x01k\x12" + bytes([len(TWO_MEMBERS)]) + TWO_MEMBERS
    assert clean[:3] == twice[:3]
    return holder.SerializeToString() + b"\x4a" + bytes([len(twice)]) + twice


def test_two_members_of_a_oneof_are_refused() -> None:
    """Nobody can tell which member came last, so the span is refused."""
    raw = ambiguous(good())
    scope = b"\x12" + bytes([len(raw)]) + raw
    resource = b"\x12" + bytes([len(scope)]) + scope
    request = b"\x0a" + bytes([len(resource)]) + resource
    assert ExportTraceServiceRequest.FromString(request).resource_spans
    decoded = decode("traces", [request, body(good())], ORIGIN)
    assert decoded.rejected == (1, 0)
    assert decoded.batches[0].rows.num_rows == 1


def test_a_point_of_two_kinds_is_refused() -> None:
    """A metric that is gauge and sum at once gives no row of either."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(as_int=1)
    gauge = metric.SerializeToString()
    metric.sum.data_points.add(as_int=2)
    whole = gauge + metric.SerializeToString()[len(b"\x0a\x01m") :]
    scope = b"\x12" + bytes([len(whole)]) + whole
    resource = b"\x12" + bytes([len(scope)]) + scope
    raw = b"\x0a" + bytes([len(resource)]) + resource
    decoded = decode("metrics", [raw], ORIGIN)
    assert decoded.batches == ()
    assert decoded.rejected == (2,)


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x05a", b"\x00\x01", b"{}"])
def test_a_malformed_body_is_permanent(signal: Signal, raw: bytes) -> None:
    """What is no protobuf raises `Permanent`, with no word of the data."""
    with pytest.raises(Permanent):
        decode(signal, [raw], ORIGIN)


@pytest.mark.parametrize("nested", [False, True])
def test_invalid_utf8_is_permanent(nested: bool) -> None:
    """A string that is not UTF-8 spoils its body, however deep it lies."""
    span = good(name="abcd")
    value = AnyValue(string_value="abcd")
    pair = span.attributes.add(key="k")
    if nested:
        pair.value.array_value.values.add().array_value.values.append(value)
    else:
        pair.value.CopyFrom(value)
    with pytest.raises(Permanent):
        decode("traces", [body(span).replace(b"abcd", b"ab\xffd")], ORIGIN)


def test_nesting_beyond_protobufs_own_limit_is_permanent() -> None:
    """A value nested deeper than any parser takes is refused, not recursed into."""
    raw = AnyValue(int_value=1).SerializeToString()
    for _ in range(2000):
        array = b"\x0a" + varint(len(raw)) + raw
        raw = b"\x2a" + varint(len(array)) + array
    pair = b"\x0a\x01k\x12" + varint(len(raw)) + raw
    span = good().SerializeToString() + b"\x4a" + varint(len(pair)) + pair
    for _ in range(2):
        span = b"\x12" + varint(len(span)) + span
    with pytest.raises(Permanent):
        decode("traces", [b"\x0a" + varint(len(span)) + span], ORIGIN)


def varint(n: int) -> bytes:
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def test_repeated_resource_text_is_bounded() -> None:
    """A huge resource under many records is refused before it is copied to each."""
    scope = ScopeSpans(spans=[good()] * 20_000)
    resource = ResourceSpans(scope_spans=[scope])
    resource.resource.attributes.add(key="k").value.string_value = "x" * 100_000
    request = ExportTraceServiceRequest(resource_spans=[resource])
    with pytest.raises(Permanent, match="fewer records"):
        decode("traces", [request.SerializeToString()], ORIGIN)


def test_a_huge_string_is_kept_whole() -> None:
    """Ten megabytes in one attribute are stored as they are."""
    span = good()
    span.attributes.add(key="k").value.string_value = "x" * 10_000_000
    rows = decode("traces", [body(span)], ORIGIN).batches[0].rows
    assert len(rows.column("SpanAttributes")[0].as_py()[0][1]) == 10_000_000
