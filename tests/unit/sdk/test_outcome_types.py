from __future__ import annotations

import datetime

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from algovigil import AdverseEvent, ConfigError, OutcomeType, PatientOutcome, semconv
from algovigil.config import Phi
from algovigil.outcome_types import encode
from algovigil.phi import Protector

KEY = b"0123456789abcdef0123456789abcdef"
NOW = 1_767_225_600_000_000_000


def encoded(
    outcome: PatientOutcome | AdverseEvent,
) -> tuple[LogRecord, dict[str, object]]:
    record = LogRecord.FromString(encode(outcome, "o1", Protector(Phi(), KEY), NOW))
    return record, {
        a.key: getattr(a.value, str(a.value.WhichOneof("value")))
        for a in record.attributes
    }


def test_both_forms_of_the_seed() -> None:
    """By position and by name, both forms mean the same thing."""
    first = PatientOutcome("P1", "malignant", "benign", "biopsy", "successful")
    assert first == PatientOutcome(
        patient_id="P1",
        diagnosis_predicted="malignant",
        diagnosis_actual="benign",
        treatment_recommended="biopsy",
        treatment_outcome="successful",
    )
    assert OutcomeType.DIAGNOSTIC is first.outcome_type
    second = PatientOutcome("P1", OutcomeType.TREATMENT, "a", "b", 0.9, 0.8, "m")
    assert second == PatientOutcome(
        patient_id="P1",
        outcome_type="treatment",
        predicted_value="a",
        actual_value="b",
        confidence_score=0.9,
        treatment_effectiveness=0.8,
        model_name="m",
    )


def test_mistakes_are_said() -> None:
    """Unknown names, too many values, values given twice."""
    with pytest.raises(TypeError, match="did you mean `actual_value`"):
        PatientOutcome("P1", actual_valeu=1)
    with pytest.raises(TypeError, match="two values"):
        PatientOutcome("P1", "a", diagnosis_predicted="b")
    with pytest.raises(TypeError, match="positions"):
        PatientOutcome("P1", "a", "b", "c", "d", "e")
    with pytest.raises(ConfigError, match="one of diagnostic"):
        PatientOutcome("P1", outcome_type="diagnosis")


def test_an_outcome_is_a_log_record_without_identifiers() -> None:
    """Event name, time, and attributes; the patient is a token, texts are clean."""
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    record, attributes = encoded(
        PatientOutcome(
            "MRN-1234567",
            predicted_value=1,
            actual_value=True,
            confidence_score=1,
            treatment="call john@example.org",
            model_name="m",
            timestamp=at,
        )
    )
    assert semconv.EVENT_OUTCOME == record.event_name
    assert NOW == record.time_unix_nano
    assert str(attributes.pop(semconv.PATIENT_ID)).startswith("p_k1_")
    assert "john@example.org" not in str(attributes.pop(semconv.OUTCOME_TREATMENT))
    assert {
        semconv.OUTCOME_ID: "o1",
        semconv.OUTCOME_TYPE: "diagnostic",
        semconv.MODEL_NAME: "m",
        semconv.OUTCOME_PREDICTED: "1",
        semconv.OUTCOME_ACTUAL: "true",
        semconv.OUTCOME_CONFIDENCE: 1.0,
    } == attributes
    assert b"1234567" not in record.SerializeToString()


def test_an_adverse_event_is_one_too() -> None:
    """What, how bad, and whether the authority knows."""
    _, attributes = encoded(
        AdverseEvent(
            event="overdose", severity="serious", reported=True, trace_id="a" * 32
        )
    )
    assert {
        semconv.OUTCOME_ID: "o1",
        semconv.OUTCOME_TYPE: "adverse_event",
        semconv.OUTCOME_TRACE_ID: "a" * 32,
        semconv.OUTCOME_ACTUAL: "overdose",
        semconv.OUTCOME_SEVERITY: "serious",
        semconv.OUTCOME_REPORTED: True,
    } == attributes


def test_an_outcome_of_nobody_is_refused() -> None:
    """It could never be joined to anything."""
    with pytest.raises(ConfigError, match="patient_id, inference_id or trace_id"):
        encoded(PatientOutcome(actual_value="benign"))
