"""Clients that say exactly what a test wants, over both transports and encodings."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import grpc
import httpx
import pyarrow as pa
from google.protobuf import json_format
from google.rpc import status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Signal: TypeAlias = Literal["traces", "metrics", "logs"]
PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
RESPONSES: Final[Mapping[Signal, Any]] = {
    "traces": trace_service_pb2.ExportTraceServiceResponse,
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "logs": logs_service_pb2.ExportLogsServiceResponse,
}
METHODS: Final[Mapping[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
COMPRESS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda body: pa.compress(body, "zstd", asbytes=True),
}


@dataclass(frozen=True)
class Answer:
    """What a client of either transport was told."""

    code: object
    """HTTP status or gRPC code."""
    body: Any
    """Export*ServiceResponse, or google.rpc.Status of a refusal."""
    headers: Mapping[str, str]
    """Of HTTP; of gRPC the trailers whose values are text."""
    trailers: Mapping[str, bytes]


def over_grpc(
    address: str,
    body: bytes,
    signal: Signal = "traces",
    compression: grpc.Compression = grpc.Compression.NoCompression,
) -> Answer:
    """Send *body* to the Export method of *signal*."""
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options) as channel:
        export = channel.unary_unary(METHODS[signal])
        try:
            raw = export(body, timeout=20, compression=compression)
        except grpc.RpcError as error:
            trailers = dict(error.trailing_metadata() or ())
            packed = trailers.get("grpc-status-details-bin", b"")
            return Answer(
                error.code(), status_pb2.Status.FromString(packed), {}, trailers
            )
    return Answer(grpc.StatusCode.OK, RESPONSES[signal].FromString(raw), {}, {})


def over_http(
    address: str,
    body: bytes,
    signal: Signal = "traces",
    kind: str = PROTOBUF,
    encoding: str = "",
    method: str = "POST",
    path: str = "",
) -> Answer:
    """Send *body*, compressed here when *encoding* is known."""
    headers = {"content-type": kind} if kind else {}
    if encoding:
        headers["content-encoding"] = encoding
    content = COMPRESS.get(encoding, bytes)(body)
    url = f"http://{address}{path or f'/v1/{signal}'}"
    reply = httpx.request(method, url, content=content, headers=headers, timeout=20)
    message = RESPONSES[signal]() if reply.status_code == 200 else status_pb2.Status()
    if reply.headers["content-type"] == JSON:
        json_format.Parse(reply.content, message)
    else:
        message.ParseFromString(reply.content)
    return Answer(reply.status_code, message, reply.headers, {})
