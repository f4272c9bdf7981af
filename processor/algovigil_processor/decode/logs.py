"""Log records to `otel_logs`, and records of call rows to `calls`.

Invariant: a record has a time: its own, else when it was observed, else when it was
received. Ids may be empty, but not of a wrong size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil import semconv
from algovigil_processor.decode import values
from algovigil_processor.decode.attributes import Attributes
from algovigil_processor.decode.calls import (
    NO_CALLS,
    Callers,
    calls,
    has_inference_id,
    named,
)
from algovigil_processor.decode.columns import (
    hex_ids,
    numbers,
    plain,
    times,
    wrap,
)
from algovigil_processor.decode.envelope import AMBIGUOUS, Envelope, Refusals
from algovigil_processor.schema import SCHEMAS, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from algovigil_processor.decode.timely import Timely


def decode_logs(
    request: pa.ListArray, timely: Timely, received_ns: int
) -> tuple[dict[Table, pa.RecordBatch], Refusals]:
    """Return the rows of *request* by table, and what was refused."""
    tree = Envelope.of(request, "scope_logs", "log_records")
    refusals = Refusals(tree.body_of, tree.bodies)
    attributes = Attributes.of(tree.records.field("attributes"))
    moments = _moments(tree.records, received_ns)
    timely.judge(moments, refusals)
    columns = _own(tree.records, moments, refusals)
    refusals.refuse(attributes.ambiguous, AMBIGUOUS)
    refusals.refuse(tree.ambiguous(scopes=True), AMBIGUOUS)
    columns |= _envelope(tree)
    columns["LogAttributes"] = attributes.maps()
    carries = _carries_rows(attributes, columns, refusals)
    schema = SCHEMAS["otel_logs"]
    rows = pa.RecordBatch.from_arrays(
        [columns[name] for name in schema.names], schema=schema
    )
    return {
        "otel_logs": refusals.apply(rows),
        "calls": _calls(attributes, columns, carries & refusals.kept),
    }, refusals


def _moments(records: Any, received_ns: int) -> NDArray[np.uint64]:
    time = numbers(records.field("time_unix_nano"))
    observed = numbers(records.field("observed_time_unix_nano"))
    known = np.where(time > 0, time, np.where(observed > 0, observed, received_ns))
    return known.astype(np.uint64)


def _own(
    records: Any, moments: NDArray[np.uint64], refusals: Refusals
) -> dict[str, Any]:
    trace = hex_ids(records.field("trace_id"), 16)
    span = hex_ids(records.field("span_id"), 8)
    refusals.refuse(~trace.formed, "a trace_id that is not 16 bytes")
    refusals.refuse(~span.formed, "a span_id that is not 8 bytes")
    body = values.texts(records.field("body"))
    refusals.refuse(body.ambiguous, AMBIGUOUS)
    flags = numbers(records.field("flags")) & 0xFF
    severity = np.clip(numbers(records.field("severity_number")), 0, 255)
    return {
        "Timestamp": times(wrap(moments, pa.uint64())),
        "TraceId": trace.texts,
        "SpanId": span.texts,
        "TraceFlags": wrap(flags.astype(np.uint8), pa.uint8()),
        "SeverityText": records.field("severity_text"),
        "SeverityNumber": wrap(severity.astype(np.uint8), pa.uint8()),
        "Body": body.take(),
        "EventName": records.field("event_name"),
    }


def _envelope(tree: Envelope) -> dict[str, Any]:
    resource, scope = tree.resource_attributes, tree.scopes.field("scope")
    return {
        "ServiceName": tree.of_resource(resource.column("service.name")),
        "ResourceSchemaUrl": tree.of_resource(
            plain(tree.resources.field("schema_url"))
        ),
        "ResourceAttributes": tree.of_resource(resource.maps()),
        "ScopeSchemaUrl": tree.of_scope(plain(tree.scopes.field("schema_url"))),
        "ScopeName": tree.of_scope(plain(scope.field("name"))),
        "ScopeVersion": tree.of_scope(plain(scope.field("version"))),
        "ScopeAttributes": tree.of_scope(tree.scope_attributes.maps()),
    }


def _carries_rows(
    attributes: Attributes, columns: dict[str, Any], refusals: Refusals
) -> NDArray[np.bool_]:
    """Return which records hold the rows of a call; their inferences need an id."""
    carries = numbers(pc.equal(columns["EventName"], semconv.EVENT_INFERENCE_ROWS))
    if not carries.any():
        return carries
    carries = carries & named(attributes)
    nameless = numbers(pc.equal(columns["SpanId"], "")) & ~has_inference_id(attributes)
    refusals.refuse(
        carries & nameless,
        f"event {semconv.EVENT_INFERENCE_ROWS} but neither span_id nor "
        f"{semconv.INFERENCE_ID}",
    )
    return carries


def _calls(
    attributes: Attributes, columns: dict[str, Any], chosen: NDArray[np.bool_]
) -> pa.RecordBatch:
    rows = np.flatnonzero(chosen)
    if not len(rows):
        return NO_CALLS
    at = wrap(rows, pa.int64())
    callers = Callers(
        timestamp=columns["Timestamp"].take(at),
        duration_ms=None,
        trace_id=columns["TraceId"].take(at),
        span_id=columns["SpanId"].take(at),
        service_name=columns["ServiceName"].take(at),
        failed=np.zeros(len(rows), np.bool_),
    )
    return calls(attributes, rows, callers)
