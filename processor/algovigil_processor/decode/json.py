"""OTLP/JSON to OTLP protobuf, by the rules that OTLP adds to protobuf's own mapping.

Invariant: nothing a sender wrote is silently taken for something else: ids are hex
(`google.protobuf.json_format` would read them as base64), enums are integers, a key in
snake_case is refused and not dropped. Unknown keys are ignored, as OTLP demands.
Source: OTLP specification 1.11, "JSON Protobuf Encoding".
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from algovigil.errors import explain
from algovigil_processor.errors import Permanent, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from algovigil_processor.pipeline import Signal

DEPTH: Final = 64
"""Messages in messages; upb itself stops at 100."""

VALUES: Final = 4_000_000
"""Values in one body: as Python objects they take up to a hundred times their bytes,
and a real body of 64 MiB has about half as many."""

_REQUESTS: Final[Mapping[Signal, Any]] = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
}
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_NON_FINITE: Final = ("NaN", "Infinity", "-Infinity")
_URL_SAFE: Final = str.maketrans("-_", "+/")


def from_json(signal: Signal, body: bytes) -> bytes:
    """Return the OTLP/JSON request *body* as protobuf.

    Raises:
        Permanent: it is not JSON, or breaks a rule of OTLP/JSON; the message names
            the field and the rule, never a value.
        TooLarge: it has more than `VALUES` values.

    """
    # every value but the first of its object or array follows one of these
    if sum(map(body.count, (b"[", b"{", b","))) > VALUES:
        raise TooLarge(f"found: over {VALUES} JSON values; hint: send less a request")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Permanent(
            explain("a body that is not JSON", "an OTLP/JSON object")
        ) from None
    message = _REQUESTS[signal]()
    try:
        _fill(message, document, 1)
    except _Unfit as unfit:
        where = ".".join(reversed(unfit.path)) or "the body"
        raise Permanent(explain(f"{where}: {unfit.found}", unfit.expected)) from None
    return bytes(message.SerializeToString())


class _Unfit(Exception):
    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.path: list[str] = []


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    repeated: bool
    read: Callable[[Any], Any] | None
    """None for a message."""
    oneof: str


@cache
def _fields(kind: Descriptor) -> tuple[dict[str, _Field], frozenset[str]]:
    """Return the fields of *kind* by JSON key, and the keys in snake_case."""
    by_key = {f.json_name: _field(f) for f in kind.fields}
    snake = {f.name for f in kind.fields if f.name not in by_key}
    return by_key, frozenset(snake)


def _field(field: FieldDescriptor) -> _Field:
    repeated = bool(field.is_repeated)
    oneof = field.containing_oneof.name if field.containing_oneof else ""
    return _Field(field.name, repeated, _reader(field), oneof)


def _reader(field: FieldDescriptor) -> Callable[[Any], Any] | None:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return None
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _base64 if field.name == "bytes_value" else _hex
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _bool
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _double
    return _integer


def _fill(message: Any, document: Any, depth: int) -> None:
    if not isinstance(document, dict):
        raise _Unfit("no object", "a JSON object")
    if depth > DEPTH:
        raise _Unfit("deeper nesting", f"at most {DEPTH} levels")
    by_key, snake = _fields(message.DESCRIPTOR)
    chosen: set[str] = set()
    for key, value in document.items():
        field = by_key.get(key)
        if field is None:
            if key in snake:
                raise _Unfit(f"the key {key}", "keys in lowerCamelCase")
            continue
        if value is None:
            continue
        try:
            if field.oneof and field.oneof in chosen:
                raise _Unfit("two members of a oneof", "at most one")
            chosen.add(field.oneof)
            _set(message, field, value, depth)
        except _Unfit as unfit:
            unfit.path.append(key)
            raise


def _set(message: Any, field: _Field, value: Any, depth: int) -> None:
    if field.repeated:
        if not isinstance(value, list):
            raise _Unfit("no array", "a JSON array")
        target = getattr(message, field.name)
        for element in value:
            if field.read is None:
                _fill(target.add(), element, depth + 1)
            else:
                _assign(target.append, field.read(element))
    elif field.read is None:
        child = getattr(message, field.name)
        child.SetInParent()
        _fill(child, value, depth + 1)
    else:
        _assign(lambda v: setattr(message, field.name, v), field.read(value))


def _assign(put: Callable[[Any], None], value: Any) -> None:
    try:
        put(value)
    except ValueError:
        raise _Unfit("a number out of range", "one that fits the field") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unfit("no string", "a JSON string")
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unfit("no boolean", "true or false")
    return value


def _enum(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Unfit("an enum that is no integer", "the integer, not the name")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise _Unfit("no integer", "an integer, as a number or a decimal string")


def _double(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        if value in _NON_FINITE:
            return float(value)
        if _NUMBER.fullmatch(value) and math.isfinite(float(value)):
            return float(value)
    raise _Unfit("no number", "a number, or NaN, Infinity, -Infinity as a string")


def _hex(value: Any) -> bytes:
    text = _text(value)
    try:
        # fromhex skips spaces, which no id has
        return bytes.fromhex("!" if " " in text else text)
    except ValueError:
        raise _Unfit("an id that is not hex", "hexadecimal digits") from None


def _base64(value: Any) -> bytes:
    text = _text(value).translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _Unfit("bytes that are not base64", "base64") from None
