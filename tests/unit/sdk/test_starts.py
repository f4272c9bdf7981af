"""Attributes at a span's start are given where somebody looks at them."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider

from algovigil import semconv, signals, track_inference
from algovigil.config import MonitoringConfig
from algovigil.starts import Starts


class _ByModel(sampling.Sampler):
    """Drops the spans of one model, by what they start with."""

    def should_sample(
        self,
        parent_context: Any,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        links: Any = None,
        *_: Any,
        **__: Any,
    ) -> sampling.SamplingResult:
        if (attributes or {}).get(semconv.MODEL_NAME) == "noisy":
            return sampling.SamplingResult(sampling.Decision.DROP)
        return sampling.ALWAYS_ON.should_sample(parent_context, trace_id, name)

    def get_description(self) -> str:
        return "by model"


class _Onlooker(SpanProcessor):
    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.seen.append(dict(span.attributes))


def _provider(sampler: sampling.Sampler | None = None) -> TracerProvider:
    return TracerProvider(sampler, shutdown_on_exit=False)


def test_nobody_looks_with_what_the_sdk_brings() -> None:
    provider = _provider()
    provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    assert not Starts(provider).seen()
    provider.shutdown()


@pytest.mark.parametrize(
    ("sampler", "seen"),
    [
        (sampling.ALWAYS_ON, False),
        (sampling.TraceIdRatioBased(0.5), False),
        (sampling.ParentBased(sampling.TraceIdRatioBased(0.5)), False),
        (_ByModel(), True),
        (sampling.ParentBased(_ByModel()), True),
        (
            sampling.ParentBased(sampling.ALWAYS_ON, local_parent_sampled=_ByModel()),
            True,
        ),
    ],
)
def test_a_sampler_of_somebody_else_looks(sampler: Any, *, seen: bool) -> None:
    assert Starts(_provider(sampler)).seen() == seen


def test_a_provider_that_is_not_the_sdks_is_held_to_look() -> None:
    assert Starts(NoOpTracerProvider()).seen()


def test_a_processor_added_later_is_given_the_attributes() -> None:
    provider = _provider()
    spans = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    before = signals.use(
        signals.Signals(MonitoringConfig(), tracer_provider=provider, deferred=False)
    )
    try:
        with track_inference("sepsis"):
            pass
        onlooker = _Onlooker()
        provider.add_span_processor(onlooker)
        with track_inference("sepsis"):
            pass
    finally:
        signals.use(before)
    assert [seen[semconv.MODEL_NAME] for seen in onlooker.seen] == ["sepsis"]
    names = [
        (s.attributes or {})[semconv.MODEL_NAME] for s in spans.get_finished_spans()
    ]
    assert names == ["sepsis", "sepsis"]


def test_a_sampler_decides_by_the_model() -> None:
    provider = _provider(_ByModel())
    spans = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    before = signals.use(
        signals.Signals(MonitoringConfig(), tracer_provider=provider, deferred=False)
    )
    try:
        for name in ("noisy", "sepsis"):
            with track_inference(name):
                pass
    finally:
        signals.use(before)
    assert [span.name for span in spans.get_finished_spans()] == ["predict sepsis"]
