"""OTLP over gRPC: raw bytes in, one handler behind, codes and advice out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from algovigil.errors import explain
from algovigil_processor.errors import StartError
from algovigil_processor.receive.handler import Meta

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message

    from algovigil_processor.pipeline import Signal
    from algovigil_processor.receive.handler import Handler, Reply

_SERVICES: Final[dict[str, Signal]] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
_CODES: Final = {
    "invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "too_large": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "internal": grpc.StatusCode.INTERNAL,
}
_OPTIONS: Final = [
    # a connection ends after this, so that a balancer in front of us can spread load
    ("grpc.max_connection_age_ms", 10 * 60 * 1000),
    # exporters may ping every 10 s, idle or not; the default is to hang up on them
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.max_concurrent_streams", 256),
    ("grpc.so_reuseport", 0),
]


def success(signal: Signal, reply: Reply) -> Message:
    """Return the Export*ServiceResponse of an accepted request."""
    response: Message
    if signal == "traces":
        response = trace_service_pb2.ExportTraceServiceResponse()
        if reply.rejected or reply.message:
            response.partial_success.rejected_spans = reply.rejected
            response.partial_success.error_message = reply.message
    elif signal == "metrics":
        response = metrics_service_pb2.ExportMetricsServiceResponse()
        if reply.rejected or reply.message:
            response.partial_success.rejected_data_points = reply.rejected
            response.partial_success.error_message = reply.message
    else:
        response = logs_service_pb2.ExportLogsServiceResponse()
        if reply.rejected or reply.message:
            response.partial_success.rejected_log_records = reply.rejected
            response.partial_success.error_message = reply.message
    return response


def status(reply: Reply) -> status_pb2.Status:
    """Return the google.rpc.Status of a refused request: what was bad, or advice."""
    message = status_pb2.Status(
        code=_CODES[reply.outcome].value[0], message=reply.message
    )
    if reply.outcome == "invalid":
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field="request", description=reply.message)
        message.details.add().Pack(bad)
    if reply.retry_seconds:
        message.details.add().Pack(retry_info(reply.retry_seconds))
    return message


def retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    """Return advice to come back after *seconds*."""
    delay = duration_pb2.Duration()
    delay.FromMilliseconds(int(seconds * 1000))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def _behaviour(
    handler: Handler, signal: Signal
) -> Callable[[bytes, grpc.aio.ServicerContext[bytes, bytes]], Awaitable[bytes]]:
    async def export(
        body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> bytes:
        meta = Meta(signal, "grpc", context.peer(), time.time_ns())
        reply = await handler.handle(body, meta)
        if reply.outcome == "ok":
            return success(signal, reply).SerializeToString()
        trailers = [("grpc-status-details-bin", status(reply).SerializeToString())]
        if reply.retry_seconds:
            # Python's exporter reads this trailer only, Go's the other one
            info = retry_info(reply.retry_seconds).SerializeToString()
            trailers.append(("google.rpc.retryinfo-bin", info))
        await context.abort(_CODES[reply.outcome], reply.message, tuple(trailers))
        raise AssertionError("abort raises")

    return export


async def serve(handler: Handler, address: str) -> tuple[grpc.aio.Server, int]:
    """Start the OTLP/gRPC server on *address*; return it and its port.

    Raises:
        StartError: the port is taken.
    """
    server = grpc.aio.server(
        options=[
            *_OPTIONS,
            # holds before and after decompression
            ("grpc.max_receive_message_length", handler.max_body_bytes),
        ]
    )
    for service, signal in _SERVICES.items():
        method: grpc.RpcMethodHandler[bytes, bytes] = (
            grpc.unary_unary_rpc_method_handler(_behaviour(handler, signal))
        )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"Export": method}),)
        )
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if not port:
        raise StartError(
            explain(
                f"the address {address} of OTLP/gRPC is taken or not ours",
                "a free port of this machine",
                "stop what listens there, or choose with --grpc",
            )
        )
    await server.start()
    return server, port
