"""Transports, encodings, sizes, codes and advice, over real sockets."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, get_args

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2

from algovigil_processor.errors import Permanent, Retryable
from algovigil_processor.receive.intake import Accepted
from conformance.conftest import LIMIT, Edge
from conformance.rules import rule
from conformance.senders import JSON, PROTOBUF, Answer, Signal, over_grpc, over_http
from unit.decode import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.processor.served import Served

SIGNALS: tuple[Signal, ...] = get_args(Signal)
CODES = grpc.StatusCode


@pytest.fixture(autouse=True)
def accepting(edge: Edge) -> None:
    """Every test begins with an edge that accepts."""
    edge.intake.fate = Accepted()


@rule("grpc.methods", "success")
@pytest.mark.parametrize("signal", SIGNALS)
def test_each_service_answers_with_an_empty_response(
    edge: Edge, signal: Signal
) -> None:
    """Full success leaves partial_success unset."""
    answer = over_grpc(edge.grpc, samples.REQUESTS[signal], signal)
    assert CODES.OK == answer.code
    assert not answer.body.HasField("partial_success")


@rule("http.paths", "http.one_port", "http.content_type", "success")
@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize(("kind", "body"), [(PROTOBUF, b""), (JSON, b"{}")])
def test_each_path_answers_in_the_encoding_of_the_request(
    edge: Edge, signal: Signal, kind: str, body: bytes
) -> None:
    """One port, two encodings; the response is in the request's."""
    answer = over_http(edge.http, body, signal, kind)
    assert (200, kind) == (answer.code, answer.headers["content-type"])
    assert not answer.body.HasField("partial_success")


@rule("success.empty")
@pytest.mark.parametrize("signal", SIGNALS)
def test_an_empty_request_succeeds(served: Served, signal: Signal) -> None:
    """No records is no error, on either transport, through the whole line."""
    assert CODES.OK == over_grpc(served.addresses["grpc"], b"", signal).code
    assert 200 == over_http(served.addresses["http"], b"", signal).code


@rule("http.parameters")
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/json; charset=utf-8", JSON),
        ("Application/JSON ;charset=UTF-8", JSON),
        ("application/x-protobuf; v=1", PROTOBUF),
    ],
)
def test_parameters_and_case_of_the_content_type_are_allowed(
    edge: Edge, kind: str, expected: str
) -> None:
    """What a media type may look like is RFC 9110's to say."""
    answer = over_http(edge.http, b"{}" if expected == JSON else b"", kind=kind)
    assert (200, expected) == (answer.code, answer.headers["content-type"])


@rule("http.paths", "http.one_port", "failure.body")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"path": "/v1/nothing"}, 404),
        ({"path": "/"}, 404),
        ({"method": "GET"}, 405),
        ({"method": "PUT"}, 405),
        ({"kind": "text/csv"}, 415),
        ({"kind": ""}, 415),
        ({"encoding": "br"}, 415),
    ],
)
def test_what_is_not_otlp_is_told_so_in_a_status(
    edge: Edge, changes: dict[str, str], code: int
) -> None:
    """Wrong path, method, type and encoding: a 4xx whose body is a Status."""
    answer = over_http(edge.http, b"", **changes)  # type: ignore[arg-type] # of a test
    assert code == answer.code
    assert answer.body.message.startswith("expected: ")


@rule("compression")
@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "deflate", "zstd"])
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_http_takes_each_compression(edge: Edge, encoding: str, kind: str) -> None:
    """With either encoding of the message."""
    body = samples.REQUESTS["traces"] if kind == PROTOBUF else b'{"resourceSpans":[]}'
    assert 200 == over_http(edge.http, body, kind=kind, encoding=encoding).code


@rule("compression")
@pytest.mark.parametrize("how", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_grpc_takes_none_and_gzip(edge: Edge, how: grpc.Compression) -> None:
    """As OTLP demands of both transports."""
    answer = over_grpc(edge.grpc, samples.REQUESTS["logs"] * 50, "logs", how)
    assert CODES.OK == answer.code


@rule("compression.bad", "failure.bad")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_lie_about_the_compression_is_bad_data(edge: Edge, encoding: str) -> None:
    """400: the same bytes can never succeed."""
    url = f"http://{edge.http}/v1/traces"
    headers = {"content-type": PROTOBUF, "content-encoding": encoding}
    reply = httpx.post(url, content=b"not compressed", headers=headers)
    assert 400 == reply.status_code
    assert encoding in status_pb2.Status.FromString(reply.content).message


def by_http(
    kind: str = PROTOBUF, encoding: str = ""
) -> Callable[[Edge, bytes], Answer]:
    return lambda edge, body: over_http(edge.http, body, kind=kind, encoding=encoding)


def by_grpc(how: grpc.Compression) -> Callable[[Edge, bytes], Answer]:
    return lambda edge, body: over_grpc(edge.grpc, body, compression=how)


@rule("size.compressed", "size.decompressed", "size.code", "failure.body")
@pytest.mark.parametrize(
    ("send", "code"),
    [
        (by_http(), 413),
        (by_http(encoding="gzip"), 413),
        (by_http(encoding="deflate"), 413),
        (by_http(encoding="zstd"), 413),
        (by_http(JSON), 413),
        (by_http(JSON, "gzip"), 413),
        (by_grpc(grpc.Compression.NoCompression), CODES.RESOURCE_EXHAUSTED),
        (by_grpc(grpc.Compression.Gzip), CODES.RESOURCE_EXHAUSTED),
    ],
)
def test_a_request_over_the_limit_is_refused_for_good(
    edge: Edge, send: Callable[[Edge, bytes], Answer], code: object
) -> None:
    """Before and after decompression; no advice, since a retry changes nothing."""
    assert send(edge, b"" if code != 413 else b"{}").code != code
    answer = send(edge, b" " * (LIMIT + 1))
    assert code == answer.code
    assert "retry-after" not in answer.headers
    assert not any("retryinfo" in key for key in answer.trailers)


@rule("failure.bad", "failure.body", "http.content_type")
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_bad_data_is_400_with_what_was_bad(edge: Edge, kind: str) -> None:
    """A Status in the request's encoding, with a BadRequest detail."""
    edge.intake.fate = Permanent("found: x; expected: y")
    answer = over_http(edge.http, b"" if kind == PROTOBUF else b"{}", kind=kind)
    assert (400, kind) == (answer.code, answer.headers["content-type"])
    detail(answer.body, error_details_pb2.BadRequest())


@rule("failure.bad")
def test_bad_data_is_invalid_argument_with_what_was_bad(edge: Edge) -> None:
    """Permanent: no client retries this code."""
    edge.intake.fate = Permanent("found: x; expected: y")
    answer = over_grpc(edge.grpc, b"")
    assert CODES.INVALID_ARGUMENT == answer.code
    found = detail(answer.body, error_details_pb2.BadRequest())
    assert "found: x; expected: y" == found.field_violations[0].description


@rule("failure.internal", "failure.body")
def test_a_fault_of_ours_is_not_retryable_and_tells_no_data(edge: Edge) -> None:
    """INTERNAL and 500, with a text of ours."""
    edge.intake.fate = RuntimeError("Ann Lee 12345678")
    for answer, code in (
        (over_grpc(edge.grpc, b""), CODES.INTERNAL),
        (over_http(edge.http, b""), 500),
        (over_http(edge.http, b"{}", kind=JSON), 500),
    ):
        assert code == answer.code
        assert "the request could not be processed" == answer.body.message


@rule("retry.code", "retry.advice")
@pytest.mark.parametrize(("asked", "advised"), [(0.1, 1), (2, 2), (60, 3)])
def test_backpressure_carries_advice_that_every_client_reads(
    edge: Edge, asked: float, advised: int
) -> None:
    """Python reads one trailer, Go the other, HTTP clients Retry-After; 1 to 3 s."""
    edge.intake.fate = Retryable("full", asked)
    answer = over_grpc(edge.grpc, b"")
    assert CODES.UNAVAILABLE == answer.code
    info = error_details_pb2.RetryInfo()
    assert advised == detail(answer.body, info).retry_delay.seconds
    info.ParseFromString(answer.trailers["google.rpc.retryinfo-bin"])
    assert advised == info.retry_delay.seconds
    for kind, body in ((PROTOBUF, b""), (JSON, b"{}")):
        answer = over_http(edge.http, body, kind=kind)
        assert (503, str(advised)) == (answer.code, answer.headers["retry-after"])
        assert "full" == answer.body.message


@rule("partial")
@pytest.mark.parametrize(
    ("signal", "counter"),
    [
        ("traces", "rejected_spans"),
        ("metrics", "rejected_data_points"),
        ("logs", "rejected_log_records"),
    ],
)
def test_partial_success_counts_and_says_why(
    edge: Edge, signal: Signal, counter: str
) -> None:
    """OK with the count of the signal's own name, on each transport and encoding."""
    edge.intake.fate = Accepted(3, "3 with a reason")
    for answer in (
        over_grpc(edge.grpc, b"", signal),
        over_http(edge.http, b"", signal),
        over_http(edge.http, b"{}", signal, JSON),
    ):
        assert answer.code in (CODES.OK, 200)
        assert 3 == getattr(answer.body.partial_success, counter)
        assert "3 with a reason" == answer.body.partial_success.error_message


@rule("connection")
def test_an_http_connection_serves_many_requests(edge: Edge) -> None:
    """Refusals keep it open too, as their bodies were read."""
    connection = http.client.HTTPConnection(edge.http, timeout=10)
    connection.connect()
    opened = connection.sock
    for fate, status in ((Accepted(), 200), (Permanent("x"), 400)) * 2:
        edge.intake.fate = fate
        connection.request("POST", "/v1/traces", b"", {"content-type": PROTOBUF})
        reply = connection.getresponse()
        reply.read()
        assert status == reply.status
        assert connection.sock is opened
    connection.close()


def detail(status: status_pb2.Status, into):  # type: ignore[no-untyped-def] # any detail
    """Return the one detail of *status*, which is of the kind of *into*."""
    (packed,) = status.details
    assert packed.Unpack(into)
    return into
