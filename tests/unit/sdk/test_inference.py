from __future__ import annotations

import asyncio
import logging

import numpy as np
import pytest
from opentelemetry import baggage, context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import StatusCode

from algovigil import monitor, semconv, track_inference
from algovigil.config import MonitoringConfig
from algovigil.testing import Captured, FakeClock, capture

SECRET = "John Smith, MRN 1234567"
KEY = "0123456789abcdef0123456789abcdef"


def test_a_call_is_one_span_with_all_it_was_given() -> None:
    """Span, attributes, times and metrics of one call by hand."""
    clock = FakeClock()
    with capture(clock=clock) as captured:
        with track_inference(
            "sepsis",
            version="2.1",
            framework="torch",
            operation="forward",
            inference_id="abc",
            site="north",
            subgroup={"sex": "F"},
        ) as call:
            call.record_inputs({"age": 64, "ward": "ICU"})
            clock.advance(0.25)
            call.record_outputs(labels=["high"], scores=[0.9])
        (span,) = captured.spans
        assert "predict sepsis" == span.name
        assert {
            semconv.MODEL_NAME: "sepsis",
            semconv.MODEL_VERSION: "2.1",
            semconv.MODEL_FRAMEWORK: "torch",
            semconv.OPERATION: "forward",
            semconv.INFERENCE_ID: "abc",
            semconv.SITE: "north",
            f"{semconv.SUBGROUP}.sex": "F",
            semconv.ROWS: 1,
            semconv.FEATURE_NAMES: ("age",),
            semconv.FEATURE_VALUES: (64.0,),
            semconv.CATEGORY_NAMES: ("ward",),
            semconv.CATEGORY_VALUES: ("ICU",),
            semconv.PREDICTION_LABELS: ("high",),
            semconv.PREDICTION_SCORES: (0.9,),
        } == dict(span.attributes or {})
        assert 250_000_000 == (span.end_time or 0) - (span.start_time or 0)
        (duration,) = captured.points(semconv.METRIC_INFERENCE_DURATION)
        assert 250.0 == duration.sum
        for metric, value in (
            (semconv.METRIC_INFERENCE_COUNT, 1),
            (semconv.METRIC_INFERENCE_ROWS, 1),
            (semconv.METRIC_INFERENCE_ACTIVE, 0),
        ):
            assert [value] == [point.value for point in captured.points(metric)]
        assert [] == captured.points(semconv.METRIC_INFERENCE_ERRORS)


def test_active_calls_are_counted_while_they_run(captured: Captured) -> None:
    """Queue depth is calls begun and not ended."""
    with track_inference("m"):
        (point,) = captured.points(semconv.METRIC_INFERENCE_ACTIVE)
        assert 1 == point.value


def test_the_callers_exception_is_its_own(captured: Captured) -> None:
    """The same exception object goes on; only its type is kept."""
    error = ValueError(SECRET)
    with pytest.raises(ValueError) as raised, track_inference("m"):
        raise error
    assert raised.value is error
    (span,) = captured.spans
    assert StatusCode.ERROR is span.status.status_code
    assert span.status.description is None
    assert () == tuple(span.events)
    assert "ValueError" == (span.attributes or {})["error.type"]
    assert SECRET not in span.to_json()
    (point,) = captured.points(semconv.METRIC_INFERENCE_ERRORS)
    assert "ValueError" == point.attributes["error.type"]


def test_a_text_that_made_the_model_raise_is_not_kept(captured: Captured) -> None:
    """Of a failed call numbers are kept, texts are not."""
    with pytest.raises(RuntimeError), track_inference("m") as call:
        call.record_inputs({"age": 64.0, "radius": SECRET})
        raise RuntimeError
    (span,) = captured.spans
    assert (64.0,) == (span.attributes or {})[semconv.FEATURE_VALUES]
    assert SECRET not in span.to_json()


def test_an_error_without_an_exception(captured: Captured) -> None:
    """A call may fail without raising; a sentence is no error type."""
    for error in (TimeoutError(SECRET), TimeoutError, "Timeout", SECRET):
        with track_inference("m") as call:
            call.error = error
    found = [(span.attributes or {})["error.type"] for span in captured.spans]
    assert ["TimeoutError", "TimeoutError", "Timeout", "error"] == found


def test_the_outermost_call_counts(captured: Captured) -> None:
    """A call inside a call records nothing of its own."""
    with track_inference("outer"), track_inference("inner") as inner:
        inner.record_inputs([1.0])
        inner.record_outputs([1.0])
    assert ["predict outer"] == [span.name for span in captured.spans]
    assert 1 == sum(p.value for p in captured.points(semconv.METRIC_INFERENCE_COUNT))


def test_the_patient_is_a_pseudonym(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the caller or of the baggage: one token, the same for one patient."""
    monkeypatch.setenv("ALGOVIGIL_PHI_KEY", KEY)
    with capture() as captured:
        with track_inference("m", patient_id="MRN-1234567"):
            pass
        token = context.attach(baggage.set_baggage(semconv.PATIENT_ID, "MRN-1234567"))
        with track_inference("m"):
            pass
        context.detach(token)
        first, second = (
            str((span.attributes or {})[semconv.PATIENT_ID]) for span in captured.spans
        )
    assert first == second
    assert first.startswith("p_k1_")


def test_without_a_key_no_patient_is_sent(
    monkeypatch: pytest.MonkeyPatch, captured: Captured
) -> None:
    """No key, no identifier, and the call goes on."""
    monkeypatch.delenv("ALGOVIGIL_PHI_KEY", raising=False)
    with track_inference("m", patient_id="MRN-1234567"):
        pass
    (span,) = captured.spans
    assert semconv.PATIENT_ID not in (span.attributes or {})


def test_large_rows_travel_in_a_log_record(captured: Captured) -> None:
    """Above 64 KiB the span says so and has no arrays; the log record has all."""
    with track_inference("m") as call:
        call.record_inputs(np.zeros((1000, 30)))
        call.record_outputs(np.zeros(1000))
    (span,), (record,) = captured.spans, captured.logs
    on_span, in_log = dict(span.attributes or {}), dict(record.attributes)
    assert "log" == on_span.pop(semconv.ROWS_CARRIER)
    assert semconv.FEATURE_VALUES not in on_span
    assert semconv.EVENT_INFERENCE_ROWS == record.event_name
    assert span.context is not None
    assert (span.context.trace_id, span.context.span_id) == (
        record.trace_id,
        record.span_id,
    )
    assert on_span == {name: in_log[name] for name in on_span}
    assert 256 * 30 == len(in_log[semconv.FEATURE_VALUES])
    assert 256 == len(in_log[semconv.PREDICTION_SCORES])
    assert 1000 / 256 == in_log[semconv.ROW_WEIGHT]
    assert 1000 == in_log[semconv.ROWS]
    assert in_log[semconv.DURATION_MS] > 0


def test_wild_inputs_hurt_nobody(
    captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is passed, the call ends well and no value is logged."""

    class Bomb:
        shape = (1, 1)

        def __getattr__(self, name: str) -> object:
            raise RuntimeError(SECRET)

    wild = [Bomb(), [[1.0], [SECRET, 2]], {"a": object()}, "text", None, 5, b"x", [[]]]
    with caplog.at_level(logging.DEBUG):
        for table in wild:
            with track_inference("m") as call:
                call.record_inputs(table)
                call.record_outputs(table)
    assert len(wild) == len(captured.spans)
    assert SECRET not in caplog.text


def test_nothing_is_recorded_under_suppression(captured: Captured) -> None:
    """OpenTelemetry's own switch holds for us."""
    with suppress_instrumentation(), track_inference("m") as call:
        call.record_inputs([1.0])
    assert () == captured.spans


def test_capture_can_be_switched_off() -> None:
    """Off means counts only: no feature and no prediction leaves the process."""
    off = {"capture": {"features": False, "predictions": False}}
    with capture(MonitoringConfig.of(off)) as captured:
        with track_inference("m") as call:
            call.record_inputs([[1.0, 2.0], [3.0, 4.0]])
            call.record_outputs([0.5, 0.7])
        (span,) = captured.spans
    assert {semconv.MODEL_NAME: "m", semconv.ROWS: 2} == dict(span.attributes or {})


def test_the_environment_switches_capture() -> None:
    """`ALGOVIGIL_<SECTION>_<KEY>` sets a key without a file."""
    environ = {"ALGOVIGIL_CAPTURE_FEATURES": "false", "ALGOVIGIL_CAPTURE_MAX_ROWS": "9"}
    found = MonitoringConfig.from_environment(environ)
    assert (False, True, 9) == (
        found.capture.features,
        found.capture.predictions,
        found.capture.max_rows,
    )


def test_monitor_decorates_functions_and_methods(captured: Captured) -> None:
    """First argument in, result out; name and text of the function stay."""

    @monitor("sepsis", version="1")
    def score(rows: list[list[float]]) -> list[float]:
        """Score."""
        return [sum(row) for row in rows]

    class Service:
        @monitor
        def score(self, rows: list[list[float]]) -> list[str]:
            return ["a" for _ in rows]

    assert [3.0] == score([[1.0, 2.0]])
    assert ["a"] == Service().score(rows=[[1.0]])
    assert ("score", "Score.") == (score.__name__, score.__doc__)
    first, second = (dict(span.attributes or {}) for span in captured.spans)
    assert (1.0, 2.0) == first[semconv.FEATURE_VALUES]
    assert (3.0,) == first[semconv.PREDICTION_SCORES]
    assert ("a",) == second[semconv.PREDICTION_LABELS]
    assert str(second[semconv.MODEL_NAME]).endswith("Service.score")


def test_monitor_decorates_coroutines(captured: Captured) -> None:
    """Concurrent coroutines are a record each."""

    @monitor("m")
    async def score(rows: list[float]) -> list[float]:
        await asyncio.sleep(0)
        return [rows[0]]

    async def both() -> list[list[float]]:
        return await asyncio.gather(score([1.0]), score([2.0]))

    assert [[1.0], [2.0]] == asyncio.run(both())
    assert 2 == len(captured.spans)
    assert [(1.0,), (2.0,)] == [
        (s.attributes or {})[semconv.PREDICTION_SCORES] for s in captured.spans
    ]
