"""Metrics that are recorded by hand, as they are told and as they are exported."""

from __future__ import annotations

import pytest

from algovigil import semconv
from algovigil.collector import InferenceMetrics, MetricsCollector
from algovigil.testing import Captured, FakeClock, capture


def test_current_metrics_are_those_of_the_calls() -> None:
    """Exact quantiles by nearest rank, rates of the last minute, per model and all."""
    clock = FakeClock()
    collector = MetricsCollector()
    with capture(clock=clock):
        for latency in range(1, 101):
            collector.record_inference("a", float(latency))
        clock.advance(61)
        collector.record_inference("b", 5.0, success=False)
        found = collector.get_current_metrics()
    a, b = found["models"]["a"], found["models"]["b"]
    assert (50.0, 95.0, 99.0) == tuple(a[f"latency_p{q}"] for q in (50, 95, 99))
    assert (100, 0.0, 0.0) == (a["request_count"], a["error_rate"], a["throughput"])
    assert (1, 1.0, 1 / 60) == (b["request_count"], b["error_rate"], b["throughput"])
    assert (101, 1 / 101) == (found["request_count"], found["error_rate"])
    assert found["model_load_time"] is None


def test_nothing_recorded_is_no_zero() -> None:
    """What there is nothing of is None."""
    with capture():
        found = MetricsCollector().get_current_metrics()
    assert 0 == found["request_count"]
    for name in ("error_rate", "latency_p50", "latency_p95", "latency_p99"):
        assert found[name] is None


def test_a_call_by_hand_is_a_call(captured: Captured) -> None:
    """One span that ends now, a failure without a text, and the metrics of both."""
    MetricsCollector().record_inference("m", 250.0, False)
    (span,) = captured.spans
    assert 250_000_000 == (span.end_time or 0) - (span.start_time or 0)
    assert "error" == (span.attributes or {})["error.type"]
    (point,) = captured.points(semconv.METRIC_INFERENCE_DURATION)
    assert 250.0 == point.sum
    (rate,) = captured.points(semconv.METRIC_INFERENCE_RATE)
    assert 1 / 60 == rate.value
    assert [0] == [p.value for p in captured.points(semconv.METRIC_INFERENCE_ACTIVE)]


def test_durations_have_exemplars(captured: Captured) -> None:
    """A bar of the histogram leads to a span that fell into it."""
    with InferenceMetrics.track_inference("m"):
        pass
    (point,) = captured.points(semconv.METRIC_INFERENCE_DURATION)
    (exemplar,) = point.exemplars
    context = captured.spans[0].context
    assert context is not None
    assert (context.trace_id, context.span_id) == (exemplar.trace_id, exemplar.span_id)
    assert 0.05 == point.explicit_bounds[0]
    assert 30_000.0 == point.explicit_bounds[-1]


def test_a_tracker_decorates_too(captured: Captured) -> None:
    """Each call is a record of its own, under the words of the decorator."""

    @InferenceMetrics.track_inference("m", version="2", site="north")
    def predict(rows: list[list[float]]) -> list[str]:
        return ["high" for _ in rows]

    assert ["high", "high"] == predict([[1.0], [2.0]])
    assert ["high"] == predict([[1.0]])
    assert 2 == len(captured.spans)
    attributes = captured.spans[0].attributes or {}
    assert ("m", "2", "north", "predict", 2) == tuple(
        attributes[name]
        for name in (
            semconv.MODEL_NAME,
            semconv.MODEL_VERSION,
            semconv.SITE,
            semconv.OPERATION,
            semconv.ROWS,
        )
    )


@pytest.mark.parametrize("module", ["metrics", "tracking", "utils"])
def test_the_seeds_paths_are_names_only(module: str) -> None:
    """At most 20 lines, and each name is the one that lives elsewhere."""
    from importlib import import_module
    from pathlib import Path

    found = import_module(f"algovigil.{module}")
    assert found.__file__ is not None
    assert len(Path(found.__file__).read_text("utf-8").splitlines()) <= 20
    for name in found.__all__:
        assert getattr(found, name).__module__ != found.__name__
