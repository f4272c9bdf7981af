"""Time that the SDK adds to a call, beside a bare OpenTelemetry span, counter and
histogram around the same call.

The three forms run in turn on the same calls, so that a busy machine slows all alike;
the figures are medians of paired differences.
"""

from __future__ import annotations

import copy
import gc
import statistics
import time
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from algovigil import signals
from algovigil.config import MonitoringConfig
from algovigil.instrumentation.estimators import PREDICT
from algovigil.instrumentation.sklearn import SklearnInstrumentor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class _NoSpans(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class _NoMetrics(MetricExporter):
    def export(self, *_: Any, **__: Any) -> MetricExportResult:
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        pass


def _providers() -> tuple[TracerProvider, MeterProvider]:
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(_NoSpans()))
    reader = PeriodicExportingMetricReader(_NoMetrics(), export_interval_millis=5000)
    return tracers, MeterProvider([reader], shutdown_on_exit=False)


def _trio(
    call: Callable[[], Any], tracers: TracerProvider, meters: MeterProvider
) -> Callable[[], Any]:
    """Wrap *call* as one would by hand: a span with ten attributes, two instruments."""
    tracer, meter = tracers.get_tracer("bench"), meters.get_meter("bench")
    count = meter.create_counter("calls")
    duration = meter.create_histogram("duration")
    labels = {"model": "m", "version": "v", "framework": "sklearn"}
    attributes = {f"attribute.{i}": f"value {i}" for i in range(10)}

    def traced() -> Any:
        begin = time.perf_counter_ns()
        with tracer.start_as_current_span("predict m") as span:
            result = call()
            for key, value in attributes.items():
                span.set_attribute(key, value)
        count.add(1, labels)
        duration.record((time.perf_counter_ns() - begin) / 1e6, labels)
        return result

    return traced


def _paired(forms: Sequence[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """Return microseconds of each form, called in turn, *rounds* times."""
    took: list[list[float]] = [[] for _ in forms]
    gc.collect()
    for _ in range(rounds):
        for form, times in zip(forms, took, strict=True):
            begin = time.perf_counter_ns()
            form()
            times.append((time.perf_counter_ns() - begin) / 1e3)
    return took


def _untouched(model: Any) -> Any:
    """Return a copy of *model* with the methods that its classes had before us."""
    same = copy.deepcopy(model)
    for part in (same, *getattr(same, "estimators_", ())):
        kind = type(part)
        part.__class__ = plain = type(kind.__name__, (kind,), {})
        for name in PREDICT:
            method = getattr(kind, name, None)
            setattr(plain, name, getattr(method, "__wrapped__", method))
    return same


def _measure(model: Any, rows: Any, rounds: int) -> dict[str, float]:
    tracers, meters = _providers()
    before = signals.use(
        signals.Signals(
            MonitoringConfig(),
            tracer_provider=tracers,
            meter_provider=meters,
            logger_provider=LoggerProvider(shutdown_on_exit=False),
        )
    )
    untouched = _untouched(model)

    def bare() -> Any:
        return untouched.predict(rows)

    def ours() -> Any:
        return model.predict(rows)

    try:
        forms = (bare, _trio(bare, tracers, meters), ours)
        _paired(forms, rounds // 10)
        took = _paired(forms, rounds)
    finally:
        signals.use(before)
        tracers.shutdown()
        meters.shutdown()
    trio, added = (
        statistics.median(t - b for t, b in zip(times, took[0], strict=True))
        for times in took[1:]
    )
    bare_us = statistics.median(took[0])
    return {
        "bare_us": round(bare_us, 1),
        "trio_added_us": round(trio, 1),
        "algovigil_added_us": round(added, 1),
        "algovigil_over_trio": round(added / trio, 2),
        "call_over_bare": round((bare_us + added) / bare_us, 3),
    }


def run(rounds: int = 3000) -> dict[str, Any]:
    """Return the figures of a small and a large model, one row of 30 features."""
    instrumentor = SklearnInstrumentor()
    instrumentor.instrument()
    try:
        from sklearn.datasets import load_breast_cancer
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression

        rows, truth = load_breast_cancer(return_X_y=True)
        small = LogisticRegression(max_iter=5000).fit(rows, truth)
        forest = RandomForestClassifier(100, random_state=0).fit(rows, truth)
        return {
            "LogisticRegression, 1 row": _measure(small, rows[:1], rounds),
            "RandomForest(100), 1 row": _measure(forest, rows[:1], rounds // 20),
        }
    finally:
        instrumentor.uninstrument()


if __name__ == "__main__":
    for name, figures in run().items():
        print(name, figures)
