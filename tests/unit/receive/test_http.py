"""OTLP/HTTP: decompression within bounds, and the right code for each fault."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from google.rpc import status_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from algovigil_processor.errors import Permanent, Retryable, TooLarge
from algovigil_processor.receive.handler import Handler
from algovigil_processor.receive.http import App, decompress
from algovigil_processor.receive.intake import Accepted, Intake, Request
from algovigil_processor.telemetry import Telemetry


def test_gzip_of_several_members_is_one_body() -> None:
    """RFC 1952 allows members to follow each other."""
    body = gzip.compress(b"one ") + gzip.compress(b"two")
    assert b"one two" == decompress(body, "gzip", 100)


@pytest.mark.parametrize(
    ("body", "encoding", "error"),
    [
        (gzip.compress(b"x" * 1000), "gzip", TooLarge),
        (gzip.compress(b"x")[:-3], "gzip", Permanent),
        (b"plain", "gzip", Permanent),
        (b"plain", "br", Permanent),
    ],
)
def test_a_bad_body_is_refused(
    body: bytes, encoding: str, error: type[Exception]
) -> None:
    """Bombs, cut bodies, lies about the encoding and unknown encodings."""
    with pytest.raises(error):
        decompress(body, encoding, 100)


class Answering(Intake):
    """An intake whose every request meets the same fate at once."""

    def __init__(self, fate: Accepted | Exception) -> None:
        super().__init__(Telemetry(), limit_bytes=1 << 20, horizon_seconds=1)
        self._fate = fate

    def offer(self, request: Request) -> Any:
        if isinstance(self._fate, Accepted):
            request.future.set_result(self._fate)
        else:
            request.future.set_exception(self._fate)
        return request.future


def post(
    fate: Accepted | Exception, body: bytes = b"", path: str = "/v1/traces", **h: str
) -> tuple[int, dict[str, str], bytes]:
    """Send one request through the ASGI app; return status, headers and body."""
    handler = Handler(Answering(fate), Telemetry(), max_body_bytes=100)
    headers = {"content-type": "application/x-protobuf"}
    headers |= {k.replace("_", "-"): v for k, v in h.items() if k != "method"}
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "path": path,
        "method": h.get("method", "POST"),
        "client": ("127.0.0.1", 1),
        "headers": [(k.encode(), v.encode()) for k, v in headers.items() if v],
    }
    asyncio.run(App(handler, lambda signal, raw: raw)(scope, receive, send))
    answer = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], answer, sent[1]["body"]


def test_success_leaves_partial_success_unset() -> None:
    """OTLP: full success is an empty response in the request's encoding."""
    status, headers, body = post(Accepted())
    assert (200, "application/x-protobuf", b"") == (
        status,
        headers["content-type"],
        body,
    )


def test_partial_success_carries_the_exact_count() -> None:
    """Rejected spans are counted in the response of the signal."""
    _, _, body = post(Accepted(3, "ids"))
    response = trace_service_pb2.ExportTraceServiceResponse.FromString(body)
    assert (3, "ids") == (
        response.partial_success.rejected_spans,
        response.partial_success.error_message,
    )


@pytest.mark.parametrize(
    ("fate", "code", "retry"),
    [
        (Permanent("bad"), 400, None),
        (TooLarge("big"), 413, None),
        (Retryable("full", 2), 503, "2"),
        (RuntimeError("secret of a patient"), 500, None),
    ],
)
def test_faults_have_their_code_and_a_status_body(
    fate: Exception, code: int, retry: str | None
) -> None:
    """Every 4xx/5xx body is google.rpc.Status; advice comes with 503 only."""
    status, headers, body = post(fate)
    message = status_pb2.Status.FromString(body).message
    assert (code, retry) == (status, headers.get("retry-after"))
    assert message
    assert "patient" not in message


def test_json_is_answered_in_json() -> None:
    """The response's encoding is the request's, parameters of the type aside."""
    kind = "application/json; charset=utf-8"
    status, headers, body = post(Permanent("bad"), content_type=kind)
    assert (400, "application/json") == (status, headers["content-type"])
    assert "bad" == json.loads(body)["message"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"path": "/v1/nothing"}, 404),
        ({"method": "GET"}, 405),
        ({"content_type": "text/csv"}, 415),
        ({"content_type": ""}, 415),
        ({"body": b"x" * 101}, 413),
    ],
)
def test_what_is_not_otlp_is_told_so(changes: dict[str, Any], code: int) -> None:
    """Wrong path, method, type and size each have their status."""
    assert code == post(Accepted(), **changes)[0]
