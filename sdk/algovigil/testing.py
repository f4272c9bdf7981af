"""What tests of instrumented code need: everything recorded, in memory.

Invariant: while `capture()` is open, model calls of this process go to it and nowhere
else; time, ids and samples are the same in every run.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import (
    InMemoryLogRecordExporter,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

from algovigil import signals
from algovigil.config import MonitoringConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan


class FakeClock:
    """A clock that moves only when it is told to.

    Args:
        now_ns: Where it starts, nanoseconds since the Unix epoch.
    """

    def __init__(self, now_ns: int = 1_767_225_600_000_000_000) -> None:
        self.now_ns = now_ns

    def wall_ns(self) -> int:
        """Return the time it shows."""
        return self.now_ns

    def ticks_ns(self) -> int:
        """Return the time it shows."""
        return self.now_ns

    def advance(self, seconds: float) -> None:
        """Move on by *seconds*."""
        self.now_ns += round(seconds * 1e9)


class CountingIds(IdGenerator):
    """Trace and span ids 1, 2, 3 and so on."""

    def __init__(self) -> None:
        self._traces = 0
        self._spans = 0

    def generate_trace_id(self) -> int:
        """Return the next trace id."""
        self._traces += 1
        return self._traces

    def generate_span_id(self) -> int:
        """Return the next span id."""
        self._spans += 1
        return self._spans


class Captured:
    """What was recorded since `capture()` was opened."""

    def __init__(self, config: MonitoringConfig, clock: signals.Clock | None) -> None:
        self._spans: Final = InMemorySpanExporter()
        self._logs: Final = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # upstream
        self._reader: Final = InMemoryMetricReader()
        self.tracer_provider: Final = TracerProvider(
            id_generator=CountingIds(), shutdown_on_exit=False
        )
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.logger_provider: Final = LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(
            SimpleLogRecordProcessor(self._logs)
        )
        self.meter_provider: Final = MeterProvider(
            [self._reader], shutdown_on_exit=False
        )
        self.signals: Final = signals.Signals(
            config,
            tracer_provider=self.tracer_provider,
            meter_provider=self.meter_provider,
            logger_provider=self.logger_provider,
            clock=clock,
            random=Random(0),  # noqa: S311 # samples rows, guards nothing
            deferred=False,
        )

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that ended, in order."""
        return self._spans.get_finished_spans()

    @property
    def logs(self) -> list[Any]:
        """The log records emitted, in order."""
        return [found.log_record for found in self._logs.get_finished_logs()]

    def points(self, metric: str) -> list[Any]:
        """Return the data points of *metric* now."""
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in found.data.data_points
        ]


@contextmanager
def capture(
    config: MonitoringConfig | None = None, clock: signals.Clock | None = None
) -> Iterator[Captured]:
    """Record the model calls inside the `with` block in memory."""
    captured = Captured(config or MonitoringConfig(), clock)
    before = signals.use(captured.signals)
    try:
        yield captured
    finally:
        signals.use(before)
        captured.meter_provider.shutdown()


if "pytest" in sys.modules:
    import pytest

    @pytest.fixture
    def captured() -> Iterator[Captured]:
        """Model calls of the test, in memory; import it in a `conftest.py`."""
        with capture() as found:
            yield found
