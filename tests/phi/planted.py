"""OTLP requests with invented patients in every field that can hold text.

The fields are found by walking the protobuf descriptors, so that one that OTLP adds is
planted, and therefore checked, from the day it is there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from algovigil import semconv
from algovigil_processor.compliance.leaks import Canary

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS: Final[dict[str, Any]] = {
    "trace": trace_service_pb2.ExportTraceServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
}
# ids of fixed size, and not text: they hold sixteen or eight bytes or are refused
_IDS: Final = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
# what makes a row of `inferences` or of `outcomes`: every fact that is text
_OF_A_CALL: Final = (
    *(semconv.MODEL_NAME, semconv.MODEL_VERSION, semconv.MODEL_FRAMEWORK),
    *(semconv.SITE, semconv.DEVICE, f"{semconv.SUBGROUP}.ward", "error.type"),
    *(semconv.INFERENCE_ID, semconv.PATIENT_ID, semconv.ENCOUNTER_ID),
    *(semconv.OUTCOME_TYPE, semconv.OUTCOME_INFERENCE_ID, semconv.OUTCOME_ID),
    *(semconv.OUTCOME_PREDICTED, semconv.OUTCOME_ACTUAL, semconv.OUTCOME_SEVERITY),
    *(semconv.OUTCOME_TREATMENT, semconv.OUTCOME_TREATMENT_OUTCOME),
)
_OF_ITS_ROWS: Final = (
    *(semconv.CATEGORY_NAMES, semconv.CATEGORY_VALUES),
    *(semconv.TEXT_NAMES, semconv.TEXT_VALUES, semconv.PREDICTION_LABELS),
    *(semconv.PREDICTION_CLASSES, semconv.INPUT_NAMES, semconv.INPUT_TYPES),
)
_DEPTH: Final = 3  # values in values


class Patient(NamedTuple):
    """Somebody who does not exist."""

    name: str
    mrn: str
    ssn: str
    email: str
    phone: str

    @property
    def text(self) -> str:
        """All of it in a sentence."""
        return (
            f"patient {self.name} MRN {self.mrn}, SSN {self.ssn}, mail {self.email},"
            f" phone {self.phone}"
        )

    def canaries(self, of: str = "") -> tuple[Canary, ...]:
        """Return what must be found nowhere; kinds begin with *of*."""
        return tuple(
            Canary(f"{of} {kind}".strip(), value)
            for kind, value in zip(self._fields, self, strict=True)
        )


PATIENT: Final = Patient(
    *("Zebulon Quarrelmire", "88134457", "219-47-9083"),
    *("zquarrel@canary.example", "(617) 555-0188"),
)
PATIENTS: Final = {
    "grpc": PATIENT,
    "protobuf": Patient(
        *("Marguerite Vandersloot", "88245568", "331-58-9194"),
        *("mvander@canary.example", "(617) 555-0199"),
    ),
    "json": Patient(
        *("Thaddeus Oberholtzer", "88356679", "442-69-8205"),
        *("toberholt@canary.example", "(617) 555-0177"),
    ),
}
"""One for each way in, so that what is found says which way it came."""


def paths(signal: str) -> list[str]:
    """Return the path of every string and bytes field of a request."""
    return sorted(set(_paths(REQUESTS[signal].DESCRIPTOR, "", 0)))


def _paths(message: Descriptor, before: str, values: int) -> Iterator[str]:
    for field in message.fields:
        path = f"{before}.{field.name}".lstrip(".")
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            deeper = values + (field.message_type.name == "AnyValue")
            if deeper <= _DEPTH:
                yield from _paths(field.message_type, path, deeper)
        elif field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            yield path


def planted(signal: str, seed: int = 1, patient: Patient = PATIENT) -> bytes:
    """Return a request with the text of *patient* in every field that can hold it."""
    message = REQUESTS[signal]()
    _plant(message, 0, seed, patient)
    return bytes(message.SerializeToString())


def request(signal: str, seed: int = 1, patient: Patient = PATIENT) -> Any:
    """Return `planted` as a message."""
    return REQUESTS[signal].FromString(planted(signal, seed, patient))


def _plant(message: Any, values: int, seed: int, patient: Patient) -> None:
    name = message.DESCRIPTOR.name
    if name == "AnyValue":
        message.string_value = patient.text
        return
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof is not None and name == "Metric":
            continue  # one message a kind: see below
        _field(message, field, values, seed, patient)
    if name == "Metric":
        kind = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
        _plant(getattr(message, kind[seed % len(kind)]), values, seed, patient)


def _field(
    message: Any, field: FieldDescriptor, values: int, seed: int, patient: Patient
) -> None:
    many = field.is_repeated
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        kind = field.message_type.name
        if kind == "KeyValue":
            _attributes(getattr(message, field.name), patient)
        elif kind == "Metric":
            for number in range(5):
                _plant(message.metrics.add(), values, number, patient)
        elif kind == "LogRecord":
            for _ in range(3):
                _plant(message.log_records.add(), values, seed, patient)
            message.log_records[2].event_name = semconv.EVENT_OUTCOME
            body = message.log_records[1].body
            _attributes(body.kvlist_value.values, patient)
        elif many:
            _plant(getattr(message, field.name).add(), values, seed, patient)
        else:
            child = getattr(message, field.name)
            child.SetInParent()
            _plant(child, values, seed, patient)
    elif field.name in _IDS:
        setattr(message, field.name, seed.to_bytes(_IDS[field.name], "big"))
    elif field.type == FieldDescriptor.TYPE_STRING:
        if many:
            getattr(message, field.name).append(patient.text)
        else:
            setattr(message, field.name, patient.text)
    elif field.name in ("start_time_unix_nano", "end_time_unix_nano", "time_unix_nano"):
        setattr(message, field.name, 1_700_000_000_000_000_000)


def _attributes(pairs: Any, patient: Patient) -> None:
    """Add what an attribute can be: keys, texts, numbers, bytes, lists, maps."""
    name, mrn, text = patient.name, patient.mrn, patient.text
    pairs.add(key="note").value.string_value = text
    pairs.add(key=text).value.string_value = "in the key"
    pairs.add(key="mrn").value.int_value = int(mrn)
    pairs.add(key="patient.name").value.string_value = name
    pairs.add(key="service.name").value.string_value = text
    pairs.add(key="exception.message").value.string_value = f"KeyError: '{name}'"
    pairs.add(
        key="url.full"
    ).value.string_value = (
        f"https://h.example/patients/{mrn}?name={name.replace(' ', '%20')}"
    )
    pairs.add(key="blob").value.bytes_value = text.encode()
    listed = pairs.add(key="list").value.array_value.values
    listed.add().string_value = text
    for key in _OF_A_CALL:
        pairs.add(key=key).value.string_value = text
    for key in _OF_ITS_ROWS:
        pairs.add(key=key).value.array_value.values.add().string_value = text
    scores = pairs.add(key=semconv.PREDICTION_CLASS_SCORES).value.array_value.values
    scores.add().double_value = 0.5
    names = pairs.add(key=semconv.FEATURE_NAMES).value.array_value.values
    features = pairs.add(key=semconv.FEATURE_VALUES).value.array_value.values
    for value in (0.5, math.nan):  # the second is missing
        names.add().string_value = text
        features.add().double_value = value
    pairs.add(key=semconv.OPERATION).value.string_value = "predict"
    nested = listed.add().kvlist_value.values.add(key=text).value
    nested.kvlist_value.values.add(key="patient.mrn").value.int_value = int(mrn)
