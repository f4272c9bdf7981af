"""OTLP requests with an invented patient in every field that can hold text.

The fields are found by walking the protobuf descriptors, so that one that OTLP adds is
planted, and therefore checked, from the day it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

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
_DEPTH: Final = 3  # values in values

NAME: Final = "Zebulon Quarrelmire"
MRN: Final = "88134457"
SSN: Final = "219-47-9083"
EMAIL: Final = "zquarrel@canary.example"
PHONE: Final = "(617) 555-0188"
CANARIES: Final = (
    Canary("name", NAME),
    Canary("mrn", MRN),
    Canary("ssn", SSN),
    Canary("email", EMAIL),
    Canary("phone", PHONE),
)
TEXT: Final = f"patient {NAME} MRN {MRN}, SSN {SSN}, mail {EMAIL}, phone {PHONE}"


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


def planted(signal: str, seed: int = 1) -> bytes:
    """Return a request with `TEXT` in every field that can hold it."""
    message = REQUESTS[signal]()
    _plant(message, 0, seed)
    return bytes(message.SerializeToString())


def request(signal: str, seed: int = 1) -> Any:
    """Return `planted` as a message."""
    return REQUESTS[signal].FromString(planted(signal, seed))


def _plant(message: Any, values: int, seed: int) -> None:
    name = message.DESCRIPTOR.name
    if name == "AnyValue":
        message.string_value = TEXT
        return
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof is not None and name == "Metric":
            continue  # one message a kind: see below
        _field(message, field, values, seed)
    if name == "Metric":
        kind = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
        _plant(getattr(message, kind[seed % len(kind)]), values, seed)


def _field(message: Any, field: FieldDescriptor, values: int, seed: int) -> None:
    many = field.is_repeated
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        kind = field.message_type.name
        if kind == "KeyValue":
            _attributes(getattr(message, field.name))
        elif kind == "Metric":
            for number in range(5):
                _plant(message.metrics.add(), values, number)
        elif kind == "LogRecord":
            for _ in range(2):
                _plant(message.log_records.add(), values, seed)
            body = message.log_records[1].body
            _attributes(body.kvlist_value.values)
        elif many:
            _plant(getattr(message, field.name).add(), values, seed)
        else:
            child = getattr(message, field.name)
            child.SetInParent()
            _plant(child, values, seed)
    elif field.name in _IDS:
        setattr(message, field.name, seed.to_bytes(_IDS[field.name], "big"))
    elif field.type == FieldDescriptor.TYPE_STRING:
        if many:
            getattr(message, field.name).append(TEXT)
        else:
            setattr(message, field.name, TEXT)
    elif field.name in ("start_time_unix_nano", "end_time_unix_nano", "time_unix_nano"):
        setattr(message, field.name, 1_700_000_000_000_000_000)


def _attributes(pairs: Any) -> None:
    """Add what an attribute can be: keys, texts, numbers, bytes, lists, maps."""
    pairs.add(key="note").value.string_value = TEXT
    pairs.add(key=TEXT).value.string_value = "in the key"
    pairs.add(key="mrn").value.int_value = int(MRN)
    pairs.add(key="patient.name").value.string_value = NAME
    pairs.add(key="service.name").value.string_value = f"ward {EMAIL} {SSN}"
    pairs.add(key="exception.message").value.string_value = f"KeyError: '{NAME}'"
    pairs.add(
        key="url.full"
    ).value.string_value = (
        f"https://h.example/patients/{MRN}?name={NAME.replace(' ', '%20')}"
    )
    pairs.add(key="blob").value.bytes_value = TEXT.encode()
    listed = pairs.add(key="list").value.array_value.values
    listed.add().string_value = TEXT
    nested = listed.add().kvlist_value.values.add(key=TEXT).value
    nested.kvlist_value.values.add(key="patient.mrn").value.int_value = int(MRN)
