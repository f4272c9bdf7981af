"""Every rule of OTLP 1.11 that a receiver must or should keep; each has its test.

Source: OpenTelemetry protocol specification 1.11.0 (docs/specification.md) and, for
rules on records, the comments of opentelemetry-proto 1.11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES: Final[Mapping[str, str]] = {
    "grpc.methods": "Export of the trace, metrics and logs services",
    "http.paths": "POST /v1/traces, /v1/metrics, /v1/logs; no other path or method",
    "http.one_port": "protobuf and JSON on one port, told apart by Content-Type",
    "http.content_type": "the response's Content-Type is the request's",
    "http.parameters": "parameters of the Content-Type are allowed",
    "compression": "none and gzip on both transports (zstd and deflate over HTTP)",
    "compression.bad": "a body that is not in its stated encoding is bad data",
    "size.compressed": "a limit on the request as it comes",
    "size.decompressed": "the limit holds after decompression",
    "size.code": "RESOURCE_EXHAUSTED without RetryInfo; HTTP 413",
    "response.size": "a response is bounded whatever was refused",
    "success": "200 and an empty response: partial_success is unset",
    "success.empty": "an empty request succeeds",
    "partial": "partial success carries the exact count and an error_message",
    "failure.body": "every 4xx and 5xx body is google.rpc.Status in the request's form",
    "failure.bad": "bad data: INVALID_ARGUMENT or 400, with a BadRequest detail",
    "failure.internal": "what a retry cannot mend is not retryable: INTERNAL, 500",
    "retry.code": "backpressure: UNAVAILABLE or 503",
    "retry.advice": "advice of 1 to 3 s in both trailers, and in Retry-After",
    "retry.duplicate": "a retry after a lost answer is stored once",
    "connection": "an HTTP connection serves many requests, refused ones too",
    "ack": "OK only after the data is durable",
    "json.ids": "traceId, spanId, parentSpanId are hex in any case",
    "json.bytes": "bytesValue stays base64",
    "json.enums": "enums are integers, names are refused",
    "json.keys": "lowerCamelCase only; snake_case is refused, not dropped",
    "json.unknown": "unknown fields are ignored",
    "json.integers": "64-bit integers as decimal strings or numbers",
    "proto.unknown": "unknown fields are ignored",
    "spans": "spans with events, links and status are stored as sent",
    "spans.ids": "a span is out alone if an id is all zero or not of 16 and 8 bytes",
    "points": "gauge, sum, histogram, exponential histogram, summary",
    "points.exemplars": "exemplars keep value, time, ids and filtered attributes",
    "logs.bodies": "a log body of every kind of AnyValue",
    "logs.events": "event_name is kept",
    "logs.time": "a record without a time has the time at which it was observed",
    "logs.flags": "of flags only the lowest 8 bits count",
    "attributes.unique": "of attributes with one key one is kept",
}


def rule(*names: str) -> pytest.MarkDecorator:
    """Mark a test as the proof of the rules *names*."""
    for name in names:
        assert name in RULES, name
    return pytest.mark.rule(*names)
