"""Calls are read from the wire with their types; what is missing stays missing."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from algovigil_processor.batch import Origin
from algovigil_processor.decode import decode

ORIGIN = Origin("http", 1_700_000_000_000_000_000)
MODEL = {"medical_ai.model.name": "m"}


def any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case list():
            array = AnyValue()
            array.array_value.SetInParent()
            array.array_value.values.extend(map(any_value, value))
            return array
    return AnyValue()


def span_calls(*spans: dict[str, Any], code: int = 0) -> list[dict[str, Any]]:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "svc"
    scope = resource.scope_spans.add()
    for i, attributes in enumerate(spans):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=bytes([i + 1]) * 8)
        span.start_time_unix_nano, span.end_time_unix_nano = 10**9, 10**9 + 2_500_000
        span.status.code = code
        for key, value in attributes.items():
            span.attributes.add(key=key).value.CopyFrom(any_value(value))
    decoded = decode("traces", [request.SerializeToString()], ORIGIN)
    return [
        row
        for batch in decoded.batches
        if batch.table == "calls"
        for row in batch.rows.to_pylist(maps_as_pydicts="strict")
    ]


def call(attributes: dict[str, Any], code: int = 0) -> dict[str, Any]:
    (row,) = span_calls(MODEL | attributes, code=code)
    return row


def test_a_bare_call_has_nothing_but_what_its_span_says() -> None:
    """The model's name alone makes a call of one row: '' and null, no zero."""
    row = call({})
    assert str(row.pop("timestamp")) == "1970-01-01 00:00:01+00:00"
    assert row == {
        "duration_ms": 2.5,
        "trace_id": "74" * 16,
        "span_id": "01" * 8,
        "service_name": "svc",
        "model_name": "m",
        "model_version": "",
        "framework": "",
        "operation": "",
        "site": "",
        "device": "",
        "patient_id": "",
        "encounter_id": "",
        "error_type": "",
        "inference_id": "01" * 8,
        "rows": 1,
        "row_weight": None,
        "feature_names": [],
        "feature_values": [],
        "category_names": [],
        "category_values": [],
        "text_names": [],
        "text_values": [],
        "input_names": [],
        "input_types": [],
        "embedding": [],
        "peak_memory_bytes": None,
        "energy_j": None,
        "labels": [],
        "scores": [],
        "values": [],
        "class_names": [],
        "class_values": [],
        "subgroup": {},
    }


def test_spans_without_a_model_are_no_calls() -> None:
    """No model name, an empty one, or rows left to a log record: no call."""
    carried = MODEL | {"medical_ai.rows.carrier": "log"}
    calls = span_calls({}, {"medical_ai.model.name": ""}, carried, MODEL)
    assert [row["span_id"] for row in calls] == ["04" * 8]


def test_arrays_keep_their_types() -> None:
    """Integers and booleans serve as doubles; a label may be a number."""
    row = call(
        {
            "medical_ai.feature.names": ["a", "b", "c", "d"],
            "medical_ai.feature.values": [1, 2.5, True, "x"],
            "medical_ai.category.names": ["k"],
            "medical_ai.category.values": ["v"],
            "medical_ai.prediction.labels": ["hi", 1, 2.0, False],
            "medical_ai.prediction.scores": [1, None, 0.5, "x"],
            "medical_ai.rows": 9,
            "medical_ai.row.weight": 3,
        }
    )
    assert row["feature_names"] == ["a", "b", "c", "d"]
    assert row["feature_values"] == [1.0, 2.5, 1.0, None]
    assert (row["category_names"], row["category_values"]) == (["k"], ["v"])
    assert row["labels"] == ["hi", "1", "2", "false"]
    assert row["scores"] == [1.0, None, 0.5, None]
    assert (row["rows"], row["row_weight"]) == (9, 3.0)


@pytest.mark.parametrize(
    ("attributes", "labels", "scores"),
    [
        ({"medical_ai.prediction.label": "y"}, ["y"], []),
        ({"medical_ai.prediction.label": 1}, ["1"], []),
        ({"medical_ai.prediction.score": 1}, [], [1.0]),
        ({"medical_ai.prediction.score": "high"}, [], []),
        (
            {
                "medical_ai.prediction.score": 0.1,
                "medical_ai.prediction.scores": [0.2, 0.3],
            },
            [],
            [0.2, 0.3],
        ),
    ],
)
def test_short_forms_serve_one_row(
    attributes: dict[str, Any], labels: list[str], scores: list[float]
) -> None:
    """`.label` and `.score` are arrays of one; an array given as well goes first."""
    row = call(attributes)
    assert (row["labels"], row["scores"]) == (labels, scores)


@pytest.mark.parametrize(
    ("attributes", "rows"),
    [
        ({"medical_ai.rows": 0}, 0),
        ({"medical_ai.rows": 32}, 32),
        ({"medical_ai.rows": -1}, 1),
        ({"medical_ai.rows": 2**63 - 1}, 1),
        ({"medical_ai.rows": "many"}, 1),
        ({"medical_ai.prediction.scores": [0.1, 0.2]}, 2),
        (
            {
                "medical_ai.feature.names": ["a", "b"],
                "medical_ai.feature.values": [1.0] * 6,
            },
            3,
        ),
    ],
)
def test_rows_are_stated_or_captured_or_one(
    attributes: dict[str, Any], rows: int
) -> None:
    """An impossible number of rows is as good as none."""
    assert call(attributes)["rows"] == rows


@pytest.mark.parametrize(
    ("attributes", "code", "error"),
    [
        ({}, 0, ""),
        ({}, 1, ""),
        ({}, 2, "error"),
        ({"error.type": "ValueError"}, 2, "ValueError"),
        ({"error.type": "ValueError"}, 0, "ValueError"),
    ],
)
def test_error_type(attributes: dict[str, Any], code: int, error: str) -> None:
    """`error.type` if given, else `error` for a span whose status is Error."""
    assert call(attributes, code)["error_type"] == error


def test_who_and_subgroups() -> None:
    """Descriptive attributes go to columns, subgroups to a map by dimension."""
    row = call(
        {
            "medical_ai.model.version": "2",
            "medical_ai.inference.id": "i",
            "medical_ai.patient.id": "p_k1_x",
            "medical_ai.subgroup.sex": "F",
            "medical_ai.subgroup.age": 60,
            "medical_ai.subgroups": "no",
        }
    )
    assert (row["model_version"], row["inference_id"]) == ("2", "i")
    assert row["patient_id"] == "p_k1_x"
    assert row["subgroup"] == {"age": "60", "sex": "F"}


def test_calls_between_other_spans_keep_their_own_values() -> None:
    """Rows of different widths, among spans that are no calls, do not mix."""
    spans: list[dict[str, Any]] = [{"x": [1.0, 2.0]}]
    for i in range(1, 6):
        values = {
            "medical_ai.prediction.scores": [i / 10] * i,
            "medical_ai.subgroup.n": str(i),
        }
        spans += [MODEL | values, {"medical_ai.prediction.scores": [9.0]}]
    calls = span_calls(*spans)
    assert [row["scores"] for row in calls] == [[i / 10] * i for i in range(1, 6)]
    assert [row["subgroup"] for row in calls] == [{"n": str(i)} for i in range(1, 6)]


def log_request(event: str, **fields: Any) -> bytes:
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(event_name=event, time_unix_nano=5, **fields)
    )
    attributes = MODEL | {"medical_ai.duration_ms": 4, "medical_ai.rows": 2}
    for key, value in attributes.items():
        record.attributes.add(key=key).value.CopyFrom(any_value(value))
    return request.SerializeToString()


def test_rows_in_a_log_record() -> None:
    """The record is a call with the record's ids, and a log as well."""
    raw = log_request("medical_ai.inference.rows", span_id=b"s" * 8)
    log, calls = decode("logs", [raw], ORIGIN).batches
    (row,) = calls.rows.to_pylist()
    assert (log.table, log.rows.num_rows) == ("otel_logs", 1)
    assert (row["span_id"], row["inference_id"]) == ("73" * 8, "73" * 8)
    assert (row["duration_ms"], row["rows"], row["trace_id"]) == (4.0, 2, "")


def test_rows_without_any_id_are_refused() -> None:
    """Inferences that no outcome could ever name are refused, with the reason."""
    decoded = decode("logs", [log_request("medical_ai.inference.rows")], ORIGIN)
    assert (decoded.batches, decoded.rejected) == ((), (1,))
    assert "neither span_id nor medical_ai.inference.id" in decoded.reasons[0]


def test_other_log_records_are_no_calls() -> None:
    """Only the event name makes a log record a call."""
    decoded = decode("logs", [log_request("other", span_id=b"s" * 8)], ORIGIN)
    assert [batch.table for batch in decoded.batches] == ["otel_logs"]
