"""The rules that OTLP adds to protobuf's JSON mapping, through the whole line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from conformance.rules import rule
from conformance.senders import JSON, Answer, over_http

if TYPE_CHECKING:
    from integration.processor.served import Served

TIME = "1700000000000000000"


def span(number: int, **fields: Any) -> dict[str, Any]:
    """Return a good span as OTLP/JSON; *fields* replace its own, None removes one."""
    whole = {
        "traceId": f"{number:032X}",
        "spanId": f"{number:016x}",
        "name": "json",
        "kind": 2,
        "startTimeUnixNano": TIME,
        "endTimeUnixNano": "1700000000000000500",
        **fields,
    }
    return {key: value for key, value in whole.items() if value is not None}


def post(served: Served, *spans: dict[str, Any], **extra: Any) -> Answer:
    """Post *spans* as one request."""
    scope = {"scopeSpans": [{"spans": spans}], **extra}
    body = json.dumps({"resourceSpans": [scope], **extra}).encode()
    return over_http(served.addresses["http"], body, kind=JSON)


def stored(served: Served, number: int, columns: str) -> object:
    """Return *columns* of span *number*, once it is there."""
    where = f"FROM otel_traces WHERE SpanId = '{number:016x}'"
    served.wait_for(f"SELECT count() {where}", 1)
    return served.query(f"SELECT ({columns}) {where}")


@rule("json.ids")
def test_ids_are_hex_in_any_case(served: Served) -> None:
    """Upper and lower case are one id; they are stored in lower case."""
    parent = "AbCdEf0123456789"
    link = {"traceId": "FF" * 16, "spanId": "ff" * 8}
    answer = post(served, span(0xA1, parentSpanId=parent, links=[link]))
    assert 200 == answer.code
    assert (
        f"{0xA1:032x}",
        parent.lower(),
        ["ff" * 16],
        ["ff" * 8],
    ) == stored(served, 0xA1, "TraceId, ParentSpanId, Links.TraceId, Links.SpanId")


@rule("json.ids")
def test_base64_ids_are_refused(served: Served) -> None:
    """Protobuf's own JSON mapping would have read them; OTLP's does not."""
    answer = post(served, span(0xA2, traceId="AAAAAAAAAAAAAAAAAAAAog=="))
    assert 400 == answer.code
    assert "traceId" in answer.body.message


@rule("json.ids", "spans.ids")
def test_a_hex_id_of_the_wrong_size_is_refused_alone(served: Served) -> None:
    """Its neighbour is stored, the count is exact."""
    answer = post(served, span(0xA3), span(0xA4, spanId="abcd"))
    assert (200, 1) == (answer.code, answer.body.partial_success.rejected_spans)
    assert "json" == stored(served, 0xA3, "SpanName")


@rule("json.bytes")
def test_bytes_stay_base64(served: Served) -> None:
    """Only ids are hex."""
    attribute = {"key": "raw", "value": {"bytesValue": "AP8="}}
    assert 200 == post(served, span(0xA5, attributes=[attribute])).code
    assert "AP8=" == stored(served, 0xA5, "SpanAttributes['raw']")


@rule("json.enums")
def test_enums_are_integers(served: Served) -> None:
    """The integer is taken, the name is refused and not dropped."""
    assert 200 == post(served, span(0xA6, kind=3, status={"code": 2})).code
    assert ("Client", "Error") == stored(served, 0xA6, "SpanKind, StatusCode")
    for fields in ({"kind": "SPAN_KIND_CLIENT"}, {"status": {"code": "OK"}}):
        answer = post(served, span(0xA7, **fields))
        assert 400 == answer.code
        assert "integer" in answer.body.message


@rule("json.keys")
def test_snake_case_is_refused(served: Served) -> None:
    """A 200 for a key that is then dropped would lose data."""
    answer = post(served, span(0xA8, traceId=None, trace_id=f"{0xA8:032x}"))
    assert 400 == answer.code
    assert "trace_id" in answer.body.message


@rule("json.unknown")
def test_unknown_fields_are_ignored(served: Served) -> None:
    """At every level, whatever their form."""
    new = {"flavour": {"deep": [1, {"x": None}]}}
    assert 200 == post(served, span(0xA9, **new), **new).code
    assert "json" == stored(served, 0xA9, "SpanName")


@rule("json.integers")
@pytest.mark.parametrize(
    ("number", "value"), [(0xB1, "9007199254740993"), (0xB2, 9007199254740993)]
)
def test_integers_come_as_strings_and_as_numbers(
    served: Served, number: int, value: object
) -> None:
    """Beyond 2^53 too, to the last digit."""
    attribute = {"key": "big", "value": {"intValue": value}}
    answer = post(served, span(number, attributes=[attribute], startTimeUnixNano=TIME))
    assert 200 == answer.code
    assert "9007199254740993" == stored(served, number, "SpanAttributes['big']")


@rule("failure.bad", "failure.body")
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"1"])
def test_what_is_no_json_object_is_bad_data(served: Served, body: bytes) -> None:
    """400 with a Status in JSON."""
    answer = over_http(served.addresses["http"], body, kind=JSON)
    assert 400 == answer.code
    assert answer.body.message
