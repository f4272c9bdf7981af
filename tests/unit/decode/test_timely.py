"""Late is welcome, impossible is refused alone, and no time is altered."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

from algovigil_processor.batch import Origin
from algovigil_processor.decode import Window, decode

if TYPE_CHECKING:
    from algovigil_processor.pipeline import Signal

NOW = 1_700_000_000_000_000_000
DAY = 86_400 * 10**9
WINDOW = Window(future_seconds=86_400, late_seconds=30 * 86_400)


def spans(*times: int) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for time in times:
        scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=time)
    return request.SerializeToString()


def records(*times: int) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for time in times:
        scope.log_records.add(time_unix_nano=time)
    return request.SerializeToString()


def points(*times: int) -> bytes:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    gauge = scope.metrics.add(name="g").gauge
    for time in times:
        gauge.data_points.add(time_unix_nano=time, as_int=1)
    return request.SerializeToString()


MAKE = {"traces": spans, "logs": records, "metrics": points}


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_what_is_dated_impossibly_is_refused_alone(signal: Signal) -> None:
    """Beyond the window, either way; its neighbours and its edges are kept."""
    make = MAKE[signal]
    kept = [NOW, NOW - 30 * DAY, NOW + DAY, NOW - DAY]
    ahead, behind = NOW + DAY + 1, NOW - 30 * DAY - 1
    bodies = [make(*kept), make(NOW, ahead), make(behind, NOW, 2**64 - 1)]
    decoded = decode(signal, bodies, Origin("grpc", NOW), WINDOW)
    assert (0, 1, 2) == decoded.rejected
    assert 6 == decoded.batches[0].rows.num_rows
    assert "" == decoded.reasons[0]
    assert "1 with a time too far ahead of the processor's clock" == decoded.reasons[1]
    assert "1 with a time too far in the past" in decoded.reasons[2]


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_no_time_is_no_wrong_time(signal: Signal) -> None:
    """Zero says that the sender has none."""
    decoded = decode(signal, [MAKE[signal](0)], Origin("grpc", NOW), WINDOW)
    assert (0,) == decoded.rejected
    assert 1 == decoded.batches[0].rows.num_rows
