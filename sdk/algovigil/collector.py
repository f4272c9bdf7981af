"""Metrics by hand: what the zero-code way does, for code that says it itself.

Invariant: a call that is recorded here is one span and its metrics like any other, so
that rules, dashboards and tables see it; what was not measured is None.
"""

from __future__ import annotations

import math
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import set_span_in_context

from algovigil import nesting, semconv, signals
from algovigil.begin import begin, flush
from algovigil.booking import Facts
from algovigil.call import Call
from algovigil.config import MonitoringConfig
from algovigil.errors import ConfigError, explain
from algovigil.inference import track_inference
from algovigil.model import Model
from algovigil.outcome_types import OutcomeType, PatientOutcome

if TYPE_CHECKING:
    from types import TracebackType

    from algovigil.nvml import Nvml
    from algovigil.outcomes import ClinicalOutcomeTracker
    from algovigil.signals import Ended, Signals

_WINDOW_SECONDS: Final = 60.0
_last: Final[ContextVar[dict[str, str] | None]] = ContextVar(
    "algovigil_last", default=None
)


@dataclass(frozen=True, slots=True)
class MemoryUsage:
    """What this machine uses now."""

    cpu_percent: float
    memory_percent: float
    memory_bytes: int
    gpu_memory: float | None
    """Bytes used on all GPUs; None without a GPU."""
    gpu_memory_percent: float | None
    gpu_utilization: float | None
    """The busiest GPU, 0 to 1."""


class MemoryMetrics:
    """Host and GPU, as they are now."""

    _nvml: Nvml | None = None

    @classmethod
    def get_current_usage(cls) -> MemoryUsage:
        """Return CPU, memory and GPU; no GPU is a normal state."""
        import psutil

        memory = psutil.virtual_memory()
        gpu = cls._gpu()
        used, limit = gpu.get("usage"), gpu.get("limit")
        return MemoryUsage(
            # over a moment: since the last call would be 0 the first time
            cpu_percent=psutil.cpu_percent(0.05),
            memory_percent=memory.percent,
            memory_bytes=memory.used,
            gpu_memory=used,
            gpu_memory_percent=100 * used / limit
            if used is not None and limit
            else None,
            gpu_utilization=gpu.get("utilization"),
        )

    @classmethod
    def _gpu(cls) -> dict[str, float]:
        from opentelemetry.semconv._incubating.metrics import hw_metrics as hw

        if cls._nvml is None:
            import pynvml

            from algovigil.nvml import Nvml

            cls._nvml = Nvml(pynvml)
        found: dict[str, float] = {}
        for reading in cls._nvml.readings():
            if "hw.parent" in reading.labels:
                continue  # a slice is part of its GPU
            if reading.metric == hw.HW_GPU_MEMORY_USAGE:
                found["usage"] = found.get("usage", 0.0) + reading.value
            elif reading.metric == hw.HW_GPU_MEMORY_LIMIT:
                found["limit"] = found.get("limit", 0.0) + reading.value
            elif reading.metric == hw.HW_GPU_UTILIZATION:
                before = found.get("utilization", 0.0)
                found["utilization"] = max(before, reading.value)
        return found


class MetricsCollector:
    """Collects and sends the metrics of model calls, and tells what they are now.

    Args:
        config: What is collected, and where it is sent.

    `start` sets OpenTelemetry up where the program does not run under
    `opentelemetry-instrument`; where it is set up, it is used as it is.
    """

    def __init__(self, config: MonitoringConfig | None = None) -> None:
        self._config: Final = config or MonitoringConfig.from_environment()
        self._host: dict[str, float] = {}

    def start(self) -> MetricsCollector:
        """Begin to collect and send."""
        begin(self._config)
        meter = metrics.get_meter(signals.SCOPE)
        for name, unit in (
            (semconv.METRIC_REPORTED_CPU, "%"),
            (semconv.METRIC_REPORTED_GPU_MEMORY, "By"),
        ):
            meter.create_observable_gauge(name, [self._reported(name)], unit)
        return self

    def stop(self, timeout: float = 5.0) -> None:
        """Send what was collected, for *timeout* seconds at most."""
        flush(timeout)

    def __enter__(self) -> MetricsCollector:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def record_inference(
        self, model_name: str, latency: float, success: bool = True
    ) -> None:
        """Record a call that ended now.

        Args:
            model_name: Name under which the model is watched.
            latency: How long it took, in milliseconds.
            success: Whether it answered.
        """
        this = signals.current()
        facts = Facts(Model(model_name), None, None)
        facts.signals = this
        facts.series = this.totals.series((model_name, None, None, None))
        facts.elapsed_ns = round(max(0.0, latency) * 1e6)
        facts.started_ns = this.clock.wall_ns() - facts.elapsed_ns
        facts.span = this.tracer.start_span(
            facts.series.span_name,
            attributes=facts.series.attributes,
            start_time=facts.started_ns,
        )
        facts.recording = facts.span.is_recording()
        facts.context = set_span_in_context(facts.span)
        facts.rows = 1
        facts.error = None if success else "error"
        this.totals.begin(facts.series)
        this.totals.end(facts.series)
        this.book(facts)

    def record_memory_usage(
        self, cpu_percent: float, gpu_memory: float | None = None
    ) -> None:
        """Report what the program measured itself: CPU in percent, GPU in bytes."""
        self._host[semconv.METRIC_REPORTED_CPU] = float(cpu_percent)
        if gpu_memory is not None:
            self._host[semconv.METRIC_REPORTED_GPU_MEMORY] = float(gpu_memory)

    def _reported(self, name: str) -> Any:
        def callback(_: CallbackOptions) -> list[Observation]:
            return [Observation(self._host[name])] if name in self._host else []

        return callback

    def get_current_metrics(self) -> dict[str, Any]:
        """Return the metrics of this process now, of all models and of each.

        Latencies are those of the last calls (up to 1024 a series) in milliseconds,
        rates those of the last minute a second, `error_rate` that of all calls; what
        there is nothing of is None.
        """
        this = signals.current()
        this.settle(5.0)
        host = MemoryMetrics.get_current_usage()
        names = sorted({series.model for series in this.totals.all()})
        return {
            **_figures(this, None),
            "cpu_percent": host.cpu_percent,
            "memory_percent": host.memory_percent,
            "gpu_memory": host.gpu_memory,
            "gpu_memory_percent": host.gpu_memory_percent,
            "gpu_utilization": host.gpu_utilization,
            "models": {name: _figures(this, name) for name in names},
        }


def _figures(this: Signals, model: str | None) -> dict[str, Any]:
    chosen = [s for s in this.totals.all() if model in (None, s.model)]
    ended: list[Ended] = [one for series in chosen for one in series.recent]
    latencies = sorted(one.milliseconds for one in ended)
    count = sum(series.ended for series in chosen)
    errors = sum(sum(series.errors.values()) for series in chosen)
    since = this.clock.ticks_ns() - _WINDOW_SECONDS * 1e9
    rate = sum(one.ticks_ns >= since for one in ended) / _WINDOW_SECONDS
    loads = [load for name, load in this.loads.items() if model in (None, name)]
    return {
        "request_count": count,
        "throughput": rate,
        "processing_rate": rate,
        "queue_depth": sum(series.active for series in chosen),
        "error_rate": errors / count if count else None,
        "latency_p50": _quantile(latencies, 0.5),
        "latency_p95": _quantile(latencies, 0.95),
        "latency_p99": _quantile(latencies, 0.99),
        "model_load_time": max(loads) if loads else None,
    }


def _quantile(ordered: list[float], share: float) -> float | None:
    """Return the nearest-rank quantile."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class InferenceMetrics:
    """Tracks calls by hand, and tells what turned out to be true of them."""

    _tracker: ClinicalOutcomeTracker | None = None

    class track_inference(track_inference):  # noqa: N801 # used like a function
        """As `algovigil.track_inference`; a decorator too."""

        __slots__ = ()

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            traceback: TracebackType | None,
        ) -> None:
            """End the call, and remember it for `record_accuracy`."""
            if self._call.inference_id:
                known = _last.get() or {}
                _last.set({**known, self._model.name: f"{self._call.inference_id}-0"})
            super().__exit__(kind, error, traceback)

    @classmethod
    def record_accuracy(
        cls, model: str, predicted: Any, actual: Any, inference_id: str | None = None
    ) -> str:
        """Record what was predicted and what turned out to be true; return its id.

        It belongs to the call around it, else to the last tracked call of *model* in
        this thread or task, unless *inference_id* (`<call.inference_id>-<row>`) says.

        Raises:
            ConfigError: there is no such call.
            OutboxFull: it cannot be kept.
        """
        found = inference_id or _around(model)
        if found is None:
            raise ConfigError(
                explain(
                    f"no tracked call of {model!r} here",
                    "one, or inference_id=",
                    "call.inference_id of track_inference is its id",
                )
            )
        outcome = PatientOutcome(
            outcome_type=OutcomeType.DIAGNOSTIC,
            predicted_value=predicted,
            actual_value=actual,
            model_name=model,
            inference_id=found,
        )
        return cls._outcomes().record_outcome(outcome)

    @classmethod
    def _outcomes(cls) -> ClinicalOutcomeTracker:
        if cls._tracker is None:
            from algovigil.outcomes import ClinicalOutcomeTracker

            cls._tracker = ClinicalOutcomeTracker(signals.current().config).start()
        return cls._tracker


def _around(model: str) -> str | None:
    call = nesting.active.get()
    if isinstance(call, Call):
        return f"{call.inference_id}-0"
    return (_last.get() or {}).get(model)
