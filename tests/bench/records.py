"""Requests of metric points and of log records for benchmarks."""

from __future__ import annotations

import random

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

POINTS = 1000
LOGS = 1000
_START = 1_700_000_000_000_000_000


def metrics(seed: int) -> bytes:
    """Return gauge points of ten metrics and a hundred series."""
    rng = random.Random(seed)
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "ward"
    scope = resource.scope_metrics.add()
    for name in range(10):
        metric = scope.metrics.add(name=f"hw.gpu.metric_{name}", unit="1")
        for series in range(POINTS // 10):
            point = metric.gauge.data_points.add(as_double=rng.random())
            point.time_unix_nano = _START + seed * 10**9
            for key, value in (("hw.id", f"gpu-{series}"), ("hw.type", "gpu")):
                point.attributes.add(key=key).value.string_value = value
    return request.SerializeToString()


def logs(seed: int) -> bytes:
    """Return log records whose bodies are half their own; one in twenty has PHI."""
    rng = random.Random(seed)
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "ward"
    scope = resource.scope_logs.add()
    for number in range(LOGS):
        record = scope.log_records.add(severity_number=9, severity_text="INFO")
        record.time_unix_nano = _START + seed * 10**9 + number
        record.trace_id, record.span_id = rng.randbytes(16), rng.randbytes(8)
        text = f"study {rng.randrange(10**9)} routed to worklist {number % 7}"
        if rng.random() < 0.05:
            text = f"patient Ann Lee MRN {rng.randrange(10**7, 10**8)} admitted"
        record.body.string_value = text
        record.attributes.add(key="code.function").value.string_value = "route"
    return request.SerializeToString()
