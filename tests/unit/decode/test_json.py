"""OTLP/JSON is read by OTLP's rules, not by protobuf's looser ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from algovigil_processor.decode import from_json
from algovigil_processor.decode.json import VALUES
from algovigil_processor.errors import Permanent, TooLarge
from unit.decode import oracle
from unit.decode.strategies import BODIES


def span(**fields: Any) -> bytes:
    scope = {"spans": [fields]}
    return json.dumps({"resourceSpans": [{"scopeSpans": [scope]}]}).encode()


def read(body: bytes) -> Any:
    message = ExportTraceServiceRequest.FromString(from_json("traces", body))
    return message.resource_spans[0].scope_spans[0].spans[0]


def attribute(value: Any) -> Any:
    return read(span(attributes=[{"key": "k", "value": value}])).attributes[0].value


def refused(body: bytes) -> str:
    with pytest.raises(Permanent) as caught:
        from_json("traces", body)
    return str(caught.value)


@pytest.mark.parametrize("text", ["5B8EFFF798038103D269B633813FC60C", "5b8e" * 8])
def test_ids_are_hex_in_either_case(text: str) -> None:
    """Ids are case-insensitive hex, never base64."""
    assert read(span(traceId=text)).trace_id == bytes.fromhex(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"traceId": "W47/95gDgQPSabYzgT/GDA=="},
        {"traceId": "5b 8e"},
        {"traceId": 5},
        {"kind": "SPAN_KIND_SERVER"},
        {"kind": "2"},
        {"kind": 2.0},
        {"trace_id": "5b8e"},
        {"start_time_unix_nano": 1},
        {"startTimeUnixNano": -1},
        {"startTimeUnixNano": 2**64},
        {"startTimeUnixNano": 1.5},
        {"startTimeUnixNano": "1e3"},
        {"startTimeUnixNano": True},
        {"name": 5},
        {"attributes": {}},
        {"attributes": [5]},
        {"status": []},
        {"attributes": [{"key": "k", "value": {"boolValue": 1}}]},
        {"attributes": [{"key": "k", "value": {"doubleValue": "x"}}]},
        {"attributes": [{"key": "k", "value": {"bytesValue": "*"}}]},
        {"attributes": [{"key": "k", "value": {"intValue": 2**63}}]},
        {"attributes": [{"key": "k", "value": {"intValue": 1, "boolValue": True}}]},
    ],
    ids=repr,
)
def test_what_otlp_forbids_is_refused(fields: dict[str, Any]) -> None:
    """A broken rule is `Permanent`: nothing is guessed and nothing silently lost."""
    assert refused(span(**fields)).startswith("found: resourceSpans.scopeSpans.spans")


def test_message_names_the_field_and_not_the_value() -> None:
    """The message says where and which rule, and never quotes the data."""
    message = refused(span(kind="Jane Roe, MRN 12345"))
    assert message == (
        "found: resourceSpans.scopeSpans.spans.kind: an enum that is no integer; "
        "expected: the integer, not the name"
    )


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"5", b"{", b'{"a": NaN}', b"\xff", b'"\\ud800"']
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """A body that is not one JSON object is `Permanent`."""
    assert refused(body)


def test_unknown_keys_and_nulls_are_ignored() -> None:
    """Unknown keys are ignored whatever they hold; null is an absent field."""
    got = read(span(name="n", traceState=None, attributes=None, later={"kind": "X"}))
    assert got == oracle.ExportTraceServiceRequest().resource_spans.add().scope_spans.add().spans.add(name="n")  # fmt: skip  # noqa: E501  # one message


@pytest.mark.parametrize("number", [7, "7", 7.0])
def test_64_bit_integers_are_strings_or_numbers(number: object) -> None:
    """A 64-bit integer is accepted as a decimal string and as a number."""
    assert read(span(startTimeUnixNano=number)).start_time_unix_nano == 7


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"doubleValue": "NaN"}, "NaN"),
        ({"doubleValue": "-Infinity"}, "-Infinity"),
        ({"doubleValue": "1.5e3"}, "1500"),
        ({"doubleValue": 2}, "2"),
        ({"bytesValue": "+/8="}, "+/8="),
        ({"bytesValue": "-_8"}, "+/8="),
        ({"boolValue": False}, "false"),
        ({"arrayValue": {}}, "[]"),
        ({"kvlistValue": {"values": [{"key": "a"}]}}, '{"a":null}'),
        ({}, ""),
    ],
)
def test_values_keep_their_type(value: dict[str, Any], text: str) -> None:
    """Each member of a value arrives as what it is, defaults included."""
    assert oracle.as_text(attribute(value)) == text


def test_the_number_of_values_is_bounded() -> None:
    """A small body that would become gigabytes of objects is refused unread."""
    with pytest.raises(TooLarge):
        from_json("traces", b"[" * VALUES + b",")


def test_nesting_is_bounded() -> None:
    """Deep nesting is refused instead of exhausting the stack."""
    value: dict[str, Any] = {"intValue": 1}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    assert "nesting" in refused(span(attributes=[{"key": "k", "value": value}]))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(BODIES["logs"])
def test_round_trip(bodies: list[bytes]) -> None:
    """Any logs written as OTLP/JSON come back as the same message."""
    for body in bodies:
        message = ExportLogsServiceRequest.FromString(body)
        written = json.dumps(otlp_json(message)).encode()
        read = ExportLogsServiceRequest.FromString(from_json("logs", written))
        assert otlp_json(message) == otlp_json(read)


def otlp_json(message: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field, value in message.ListFields():
        one = [value] if not field.is_repeated else value
        spelt = [spell(field, v) for v in one]
        out[field.json_name] = spelt if field.is_repeated else spelt[0]
    return out


def spell(field: Any, value: Any) -> Any:
    if field.type == field.TYPE_MESSAGE:
        return otlp_json(value)
    if field.name.endswith("_id"):
        return value.hex().upper()
    if field.type == field.TYPE_BYTES:
        return oracle.base64.b64encode(value).decode()
    if field.type == field.TYPE_DOUBLE and value - value != 0:
        return oracle.es6(value)
    if field.type in (field.TYPE_INT64, field.TYPE_FIXED64):
        return str(value)
    return value
