"""What an outcome is, and the log record that it becomes.

Invariant: the record holds the patient's pseudonym or nothing of the patient; texts in
it are cleaned as the PHI rules say; what is not known is absent.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from algovigil import semconv
from algovigil.errors import ConfigError, explain, nearest

if TYPE_CHECKING:
    from algovigil.phi import Protector


class OutcomeType(enum.Enum):
    """What kind of outcome it is."""

    DIAGNOSTIC = "diagnostic"
    TREATMENT = "treatment"
    ADVERSE_EVENT = "adverse_event"

    @classmethod
    def of(cls, value: OutcomeType | str) -> OutcomeType:
        """Return the type of that name, in any case.

        Raises:
            ConfigError: there is none.
        """
        if isinstance(value, cls):
            return value
        known = {kind.value: kind for kind in cls}
        name = str(value).strip().lower().replace(" ", "_").replace("-", "_")
        if name not in known:
            raise ConfigError(
                explain(
                    "an unknown outcome type",
                    "one of " + ", ".join(known),
                    nearest(name, known),
                )
            )
        return known[name]


Moment = datetime | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """Whom and what an outcome belongs to."""

    patient_id: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    inference_id: str | None = None
    trace_id: str | None = None
    outcome_id: str | None = None
    """Absent, one is made; the same id again is a correction: the latest counts."""
    timestamp: Moment = None
    """When it was found: an aware datetime or seconds since the epoch; absent, now."""


_POSITIONS: Final = (
    "diagnosis_predicted",
    "diagnosis_actual",
    "treatment_recommended",
    "treatment_outcome",
)
_TYPED_POSITIONS: Final = (
    "outcome_type",
    "predicted_value",
    "actual_value",
    "confidence_score",
    "treatment_effectiveness",
    "model_name",
)
_SYNONYMS: Final = {
    "diagnosis_predicted": "predicted_value",
    "diagnosis_actual": "actual_value",
    "treatment_recommended": "treatment",
}


@dataclass(frozen=True, slots=True, init=False)
class PatientOutcome(_Outcome):
    """What became of one patient, any sensible subset of it.

    Two forms, by position or by name:

        PatientOutcome(patient_id, diagnosis_predicted, diagnosis_actual,
                       treatment_recommended, treatment_outcome)
        PatientOutcome(patient_id, OutcomeType.DIAGNOSTIC, predicted_value,
                       actual_value, confidence_score, treatment_effectiveness,
                       model_name)

    and by name also `model_version`, `inference_id`, `trace_id`, `outcome_id`,
    `timestamp`, `alert_shown`, `acted_on`, `followup_days` and `event_observed`.
    `inference_id` is the id of one row, `<call.inference_id>-<row>`.
    """

    outcome_type: OutcomeType = OutcomeType.DIAGNOSTIC
    predicted_value: Any = None
    actual_value: Any = None
    confidence_score: float | None = None
    treatment: str | None = None
    treatment_outcome: str | None = None
    treatment_effectiveness: float | None = None
    alert_shown: bool | None = None
    """Whether the model's alert was shown to whoever decided."""
    acted_on: bool | None = None
    """Whether somebody acted on the prediction before the outcome."""
    followup_days: float | None = None
    """Days from treatment to the event, or to the end of observation."""
    event_observed: bool | None = None
    """Whether the event happened; False is censored at `followup_days`."""

    def __init__(
        self, patient_id: str | None = None, *positional: Any, **named: Any
    ) -> None:
        typed = bool(positional) and isinstance(positional[0], OutcomeType)
        positions = _TYPED_POSITIONS if typed else _POSITIONS
        if len(positional) > len(positions):
            raise TypeError(f"PatientOutcome takes {len(positions) + 1} positions")
        given = dict(zip(positions, positional, strict=False))
        for name, value in named.items():
            if name in given:
                raise TypeError(f"PatientOutcome got two values of {name!r}")
            given[name] = value
        given = {_SYNONYMS.get(name, name): value for name, value in given.items()}
        given["patient_id"] = patient_id
        unknown = sorted(set(given) - set(self.__dataclass_fields__))
        if unknown:
            hint = nearest(unknown[0], self.__dataclass_fields__)
            raise TypeError(f"PatientOutcome got an unknown {unknown[0]!r} {hint}")
        kind = given.get("outcome_type")
        given["outcome_type"] = (
            self._kind(given) if kind is None else OutcomeType.of(kind)
        )
        for name, field in self.__dataclass_fields__.items():
            object.__setattr__(self, name, given.get(name, field.default))

    @staticmethod
    def _kind(given: dict[str, Any]) -> OutcomeType:
        judged = given.get("actual_value") is not None
        return OutcomeType.DIAGNOSTIC if judged else OutcomeType.TREATMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class AdverseEvent(_Outcome):
    """Something bad that happened under a model's advice."""

    event: str
    """What happened."""
    severity: str = "unknown"
    reported: bool = False
    """Whether the authority was told."""


def encode(
    outcome: PatientOutcome | AdverseEvent,
    identity: str,
    protector: Protector,
    now_ns: int,
) -> bytes:
    """Return *outcome* as a serialized OTLP log record without identifiers.

    Raises:
        ConfigError: it belongs to nothing: no patient, inference or trace.
    """
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from algovigil.delivery import attribute

    if not (outcome.patient_id or outcome.inference_id or outcome.trace_id):
        raise ConfigError(
            explain(
                "an outcome of no patient, inference or trace",
                "patient_id, inference_id or trace_id",
                "call.inference_id of track_inference is one",
            )
        )
    patient = outcome.patient_id
    found: dict[str, Any] = {
        semconv.OUTCOME_ID: identity,
        semconv.OUTCOME_INFERENCE_ID: outcome.inference_id,
        semconv.OUTCOME_TRACE_ID: outcome.trace_id,
        semconv.MODEL_NAME: outcome.model_name,
        semconv.MODEL_VERSION: outcome.model_version,
        semconv.PATIENT_ID: protector.pseudonym(patient) if patient else None,
    }
    told = _event(outcome) if isinstance(outcome, AdverseEvent) else _result(outcome)
    for key, value in told.items():
        found[key] = protector.clean(key, value) if isinstance(value, str) else value
    record = LogRecord(
        time_unix_nano=_nanoseconds(outcome.timestamp, now_ns),
        observed_time_unix_nano=now_ns,
        event_name=semconv.EVENT_OUTCOME,
        attributes=[attribute(k, v) for k, v in found.items() if v is not None],
    )
    return record.SerializeToString()


def _result(outcome: PatientOutcome) -> dict[str, Any]:
    from algovigil.capture import text

    predicted, actual = outcome.predicted_value, outcome.actual_value
    return {
        semconv.OUTCOME_TYPE: outcome.outcome_type.value,
        semconv.OUTCOME_PREDICTED: None if predicted is None else text(predicted),
        semconv.OUTCOME_ACTUAL: None if actual is None else text(actual),
        semconv.OUTCOME_CONFIDENCE: _number(outcome.confidence_score),
        semconv.OUTCOME_TREATMENT: outcome.treatment,
        semconv.OUTCOME_TREATMENT_OUTCOME: outcome.treatment_outcome,
        semconv.OUTCOME_TREATMENT_EFFECTIVENESS: _number(
            outcome.treatment_effectiveness
        ),
        semconv.OUTCOME_ALERT_SHOWN: outcome.alert_shown,
        semconv.OUTCOME_ACTED_ON: outcome.acted_on,
        semconv.OUTCOME_FOLLOWUP_DAYS: _number(outcome.followup_days),
        semconv.OUTCOME_EVENT_OBSERVED: outcome.event_observed,
    }


def _event(event: AdverseEvent) -> dict[str, Any]:
    return {
        semconv.OUTCOME_TYPE: OutcomeType.ADVERSE_EVENT.value,
        semconv.OUTCOME_ACTUAL: event.event,
        semconv.OUTCOME_SEVERITY: event.severity,
        semconv.OUTCOME_REPORTED: event.reported,
    }


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _nanoseconds(moment: Moment, now_ns: int) -> int:
    if moment is None:
        return now_ns
    seconds = moment.timestamp() if isinstance(moment, datetime) else moment
    return round(seconds * 1e9)
