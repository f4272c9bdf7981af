"""A real OTLP gRPC server that keeps the requests it is sent."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2_grpc as metrics_grpc,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

if TYPE_CHECKING:
    from collections.abc import Callable


class _Service:
    """One signal's service: keeps requests, answers as `Collector.answer` says."""

    def __init__(self, keep: list[Any], answer: Callable[[Any], None], reply: Any):
        self._keep, self._answer, self._reply = keep, answer, reply

    def Export(self, request: Any, context: Any) -> Any:
        self._answer(context)
        self._keep.append(request)
        return self._reply(request)


class Collector:
    """Serves OTLP on 127.0.0.1; `port` 0 takes any."""

    def __init__(self, port: int = 0) -> None:
        self.requests: dict[str, list[Any]] = {"traces": [], "metrics": [], "logs": []}
        self.failing: grpc.StatusCode | None = None
        self.hanging = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(4))
        self.rejecting = ""
        for name, add, reply in (
            (
                "traces",
                traces_grpc.add_TraceServiceServicer_to_server,
                lambda _: traces.ExportTraceServiceResponse(),
            ),
            (
                "metrics",
                metrics_grpc.add_MetricsServiceServicer_to_server,
                lambda _: metrics.ExportMetricsServiceResponse(),
            ),
            (
                "logs",
                logs_grpc.add_LogsServiceServicer_to_server,
                self._took,
            ),
        ):
            add(_Service(self.requests[name], self._answer, reply), self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._server.start()

    def _answer(self, context: Any) -> None:
        if self.failing is not None:
            context.abort(self.failing, "told to fail")

    def _took(self, request: Any) -> Any:
        """Answer as a processor that cannot take records which say `rejecting`."""
        reply = logs.ExportLogsServiceResponse()
        if self.rejecting:
            reply.partial_success.rejected_log_records = sum(
                self.rejecting in str(record)
                for resource in request.resource_logs
                for scope in resource.scope_logs
                for record in scope.log_records
            )
        return reply

    def stop(self) -> None:
        self._server.stop(None).wait(5)

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests["traces"]
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def logs(self) -> list[Any]:
        return [
            record
            for request in self.requests["logs"]
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def metric_names(self) -> set[str]:
        return {
            metric.name
            for request in self.requests["metrics"]
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return once *condition* holds; fail when *seconds* have passed."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def values(attributes: Any) -> dict[str, Any]:
    """Return protobuf *attributes* as plain data."""
    return {a.key: _value(a.value) for a in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(v) for v in value.array_value.values]
    return getattr(value, kind) if kind else None
