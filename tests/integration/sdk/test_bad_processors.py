"""A processor that is dead, hangs or refuses: nothing changes for the caller."""

from __future__ import annotations

import socket
import statistics
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider

from algovigil import signals
from algovigil.call import Call
from algovigil.config import MonitoringConfig
from algovigil.export import OutgoingSpans
from algovigil.model import Model
from integration.sdk.collector import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator


class Watched:
    """Calls recorded towards one endpoint, as our distro does."""

    def __init__(self, endpoint: str) -> None:
        self.processor = OutgoingSpans(
            OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=60)
        )
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)
        self.signals = signals.Signals(
            MonitoringConfig(), tracer_provider=self.provider
        )

    def call(self) -> float:
        """Return the microseconds that recording one call takes its caller."""
        signals.use(self.signals)
        begin = time.perf_counter_ns()
        call = Call(Model("m", "1"), "predict")
        call.begin(None, [[float(i) for i in range(30)]])
        call.stop()
        call.answer(call.model, "predict", [1.0])
        call.end()
        return (time.perf_counter_ns() - begin) / 1e3


@pytest.fixture
def endpoints() -> Iterator[dict[str, str]]:
    """One processor of each kind."""
    with ExitStack() as stack:
        good, refusing = Collector(), Collector()
        stack.callback(good.stop)
        stack.callback(refusing.stop)
        refusing.failing = grpc.StatusCode.RESOURCE_EXHAUSTED
        mute = stack.enter_context(socket.socket())
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{free.getsockname()[1]}"
        yield {
            "good": good.endpoint,
            "dead": dead,
            "refusing": refusing.endpoint,
            "hanging": f"http://127.0.0.1:{mute.getsockname()[1]}",
        }


def test_medians_stay_and_memory_is_bounded(endpoints: dict[str, str]) -> None:
    """The same calls in turn: no kind costs its caller more; what waits has a bound.

    The bound on medians leaves a shared machine room; waiting would be far longer.
    """
    before = signals.use(None)
    watched = {name: Watched(endpoint) for name, endpoint in endpoints.items()}
    took: dict[str, list[float]] = {name: [] for name in watched}
    try:
        for _ in range(400):
            for name, each in watched.items():
                took[name].append(each.call())
        medians = {name: statistics.median(times) for name, times in took.items()}
        for name in ("dead", "refusing", "hanging"):
            assert medians[name] < 2 * medians["good"], medians
        hanging = watched["hanging"]
        for _ in range(3000):
            hanging.call()
        hanging.signals.settle(30)
        assert len(hanging.processor.queue._waiting) <= 2048
        assert hanging.processor.queue.dropped > 0
        begin = time.monotonic()
        hanging.provider.shutdown()
        assert time.monotonic() - begin < 6
    finally:
        signals.use(before)
        for each in watched.values():
            each.processor.queue.close(0.1)
