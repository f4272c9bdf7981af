"""Log records of event `medical_ai.outcome` become outcomes, and stay logs."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.derive import derive
from algovigil_processor.schema import SCHEMAS
from algovigil_processor.telemetry import Telemetry

ORIGIN = Origin("http", 1_700_000_000_000_000_000)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def logs(*records: dict[str, Any]) -> Batch:
    columns = []
    for field in SCHEMAS["otel_logs"]:
        blank: Any = 0 if pa.types.is_integer(field.type) else ""
        blank = [] if pa.types.is_map(field.type) else blank
        blank = 5 if pa.types.is_timestamp(field.type) else blank
        values = [record.get(field.name, blank) for record in records]
        columns.append(pa.array(values, field.type))
    rows = pa.RecordBatch.from_arrays(columns, schema=SCHEMAS["otel_logs"])
    return Batch("otel_logs", rows, ORIGIN, "p1")


def record(attributes: dict[str, str], **columns: Any) -> dict[str, Any]:
    pairs = [(f"medical_ai.{key}", value) for key, value in attributes.items()]
    return {"EventName": "medical_ai.outcome", "LogAttributes": pairs, **columns}


def outcome(attributes: dict[str, str], **columns: Any) -> dict[str, Any]:
    kept, found = derive([logs(record(attributes, **columns))], Telemetry())
    assert (kept.table, found.table, found.policy) == ("otel_logs", "outcomes", "p1")
    (row,) = found.rows.to_pylist()
    return row


def test_every_attribute_reaches_its_column() -> None:
    """Each attribute of the contract has a column; time and receipt are kept."""
    row = outcome(
        {
            "outcome.id": "o1",
            "outcome.type": "diagnostic",
            "outcome.inference.id": "i-0",
            "outcome.trace.id": TRACE.upper(),
            "patient.id": "p_k1_x",
            "model.name": "m",
            "model.version": "2",
            "outcome.predicted": "a",
            "outcome.actual": "b",
            "outcome.confidence": "0.5",
            "outcome.treatment": "t",
            "outcome.treatment.outcome": "successful",
            "outcome.treatment.effectiveness": "1e-1",
            "outcome.alert.shown": "true",
            "outcome.acted.on": "False",
            "outcome.followup.days": "30.5",
            "outcome.event.observed": "true",
            "outcome.severity": "serious",
            "outcome.reported": "true",
        }
    )
    assert row.pop("timestamp").value == 5
    assert row.pop("received").value == ORIGIN.received_ns
    assert row == {
        "outcome_id": "o1",
        "outcome_type": "diagnostic",
        "inference_id": "i-0",
        "trace_id": TRACE,
        "patient_id": "p_k1_x",
        "model_name": "m",
        "model_version": "2",
        "predicted_value": "a",
        "actual_value": "b",
        "confidence_score": 0.5,
        "treatment": "t",
        "treatment_outcome": "successful",
        "treatment_effectiveness": 0.1,
        "alert_shown": True,
        "acted_on": False,
        "followup_days": 30.5,
        "event_observed": True,
        "severity": "serious",
        "reported": True,
        "policy": "p1",
    }


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.5", 0.5),
        ("-3", -3.0),
        ("1e300", 1e300),
        ("1e400", None),
        ("NaN", None),
        ("Infinity", None),
        ("", None),
        ("high", None),
        ("0.5 ", None),
        ("[0.5]", None),
    ],
)
def test_numbers_that_are_none_are_null(text: str, number: float | None) -> None:
    """Only a finite number is stored; anything else is absent."""
    assert outcome({"outcome.confidence": text})["confidence_score"] == number


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("False", False), ("", None), ("1", None)]
)
def test_reported_is_true_false_or_unknown(text: str, value: bool | None) -> None:
    """An unknown answer is not `false`."""
    assert outcome({"outcome.reported": text})["reported"] == value


@pytest.mark.parametrize("stated", ["", "two words", "x" * 129, "\u00e9"])
def test_an_outcome_without_a_usable_id_gets_a_stable_one(stated: str) -> None:
    """The same report gives the same id, another report another."""
    same = [outcome({"outcome.id": stated, "outcome.actual": "b"}) for _ in range(2)]
    other = outcome({"outcome.id": stated, "outcome.actual": "c"})
    shifted = outcome({"outcome.id": stated, "outcome.predicted": "b"})
    ids = [row["outcome_id"] for row in (*same, other, shifted)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert len(ids[0]) == 34


@pytest.mark.parametrize(
    ("attributes", "trace"),
    [
        ({}, TRACE),
        ({"outcome.trace.id": "5b" * 16}, "5b" * 16),
        ({"outcome.trace.id": "Jane Roe"}, ""),
        ({"outcome.inference.id": "i-0"}, ""),
        ({"patient.id": "p_k1_x"}, ""),
    ],
)
def test_which_trace_an_outcome_belongs_to(
    attributes: dict[str, str], trace: str
) -> None:
    """The stated trace; its own only when it names nothing; never free text."""
    assert outcome(attributes, TraceId=TRACE)["trace_id"] == trace


def test_other_log_records_are_no_outcomes() -> None:
    """Logs pass through unchanged; without outcomes there is no batch of them."""
    batch = logs({"EventName": "x"}, {})
    assert derive([batch], Telemetry()) == (batch,)


def test_a_slice_is_read_from_where_it_begins() -> None:
    """Attributes of a sliced batch belong to the rows of the slice."""
    whole = logs(*(record({"outcome.id": f"o{i}"}) for i in range(5)))
    part = Batch("otel_logs", whole.rows.slice(1, 3), ORIGIN, "p1")
    _, found = derive([part], Telemetry())
    assert found.rows.column("outcome_id").to_pylist() == ["o1", "o2", "o3"]
