"""Spans to `otel_traces` and `calls`, as the ClickHouse exporter maps them.

Invariant: a span without a valid trace and span id is refused, alone and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from algovigil_processor.decode.attributes import Attributes
from algovigil_processor.decode.calls import NO_CALLS, Callers, calls, is_span_call
from algovigil_processor.decode.columns import (
    hex_ids,
    listed,
    numbers,
    plain,
    starts,
    times,
    unnest,
    words,
    wrap,
)
from algovigil_processor.decode.envelope import AMBIGUOUS, Envelope, Refusals
from algovigil_processor.schema import SCHEMAS, Table, empty

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from algovigil_processor.decode.timely import Timely

_KINDS: Final = pa.array(
    ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer", ""]
)
_STATUSES: Final = pa.array(["Unset", "Ok", "Error", ""])
_ERROR: Final = 2
_LISTS: Final = {
    field.name: field.type
    for field in SCHEMAS["otel_traces"]
    if field.name.startswith(("Events.", "Links."))
}


def decode_traces(
    request: pa.ListArray, timely: Timely
) -> tuple[dict[Table, pa.RecordBatch], Refusals]:
    """Return the rows of *request* by table, and what was refused."""
    tree = Envelope.of(request, "scope_spans", "spans")
    spans = tree.records
    refusals = Refusals(tree.body_of, tree.bodies)
    attributes = Attributes.of(spans.field("attributes"))
    timely.judge(numbers(spans.field("start_time_unix_nano")), refusals)
    columns = _own(spans, refusals)
    columns |= _events(spans.field("events"), refusals)
    columns |= _links(spans.field("links"), refusals)
    refusals.refuse(attributes.ambiguous, AMBIGUOUS)
    refusals.refuse(tree.ambiguous(scopes=False), AMBIGUOUS)
    resource, scope = tree.resource_attributes, tree.scopes.field("scope")
    columns["ServiceName"] = tree.of_resource(resource.column("service.name"))
    columns["ResourceAttributes"] = tree.of_resource(resource.maps())
    columns["ScopeName"] = tree.of_scope(plain(scope.field("name")))
    columns["ScopeVersion"] = tree.of_scope(plain(scope.field("version")))
    columns["SpanAttributes"] = attributes.maps()
    schema = SCHEMAS["otel_traces"]
    rows = pa.RecordBatch.from_arrays(
        [columns[name] for name in schema.names], schema=schema
    )
    return {
        "otel_traces": refusals.apply(rows),
        "calls": _calls(spans, attributes, columns, refusals.kept),
    }, refusals


def _own(spans: Any, refusals: Refusals) -> dict[str, Any]:
    trace = hex_ids(spans.field("trace_id"), 16)
    span = hex_ids(spans.field("span_id"), 8)
    parent = hex_ids(spans.field("parent_span_id"), 8)
    refusals.refuse(~trace.present, "a trace_id that is not 16 bytes or all zero")
    refusals.refuse(~span.present, "a span_id that is not 8 bytes or all zero")
    refusals.refuse(~parent.formed, "a parent_span_id that is not 8 bytes")
    status = spans.field("status")
    return {
        "Timestamp": times(spans.field("start_time_unix_nano")),
        "TraceId": trace.texts,
        "SpanId": span.texts,
        "ParentSpanId": parent.texts,
        "TraceState": spans.field("trace_state"),
        "SpanName": spans.field("name"),
        "SpanKind": words(_KINDS, spans.field("kind")),
        "Duration": wrap(_duration(spans), pa.uint64()),
        "StatusCode": words(_STATUSES, status.field("code")),
        "StatusMessage": plain(status.field("message")),
    }


def _duration(spans: Any) -> NDArray[np.uint64]:
    """Return end - start in ns; 0 where end is before start (Go underflows)."""
    start = numbers(spans.field("start_time_unix_nano"))
    end = numbers(spans.field("end_time_unix_nano"))
    return np.maximum(end, start) - start


def _none(lists: Any, prefix: str) -> dict[str, Any]:
    """Return the columns of *prefix* for spans without any: most have none."""
    return {
        name: empty(kind, len(lists))
        for name, kind in _LISTS.items()
        if name.startswith(prefix)
    }


def _events(lists: Any, refusals: Refusals) -> dict[str, Any]:
    events, owner = unnest(lists)
    if not len(events):
        return _none(lists, "Events.")
    offsets = starts(lists)
    attributes = Attributes.of(events.field("attributes"))
    _refuse_owners(attributes.ambiguous, owner, AMBIGUOUS, refusals)
    return {
        "Events.Timestamp": listed(offsets, times(events.field("time_unix_nano"))),
        "Events.Name": listed(offsets, events.field("name")),
        "Events.Attributes": listed(offsets, attributes.maps()),
    }


def _links(lists: Any, refusals: Refusals) -> dict[str, Any]:
    links, owner = unnest(lists)
    if not len(links):
        return _none(lists, "Links.")
    offsets = starts(lists)
    attributes = Attributes.of(links.field("attributes"))
    trace = hex_ids(links.field("trace_id"), 16)
    span = hex_ids(links.field("span_id"), 8)
    odd = ~(trace.formed & span.formed)
    _refuse_owners(odd, owner, "a link whose ids have the wrong size", refusals)
    _refuse_owners(attributes.ambiguous, owner, AMBIGUOUS, refusals)
    return {
        "Links.TraceId": listed(offsets, trace.texts),
        "Links.SpanId": listed(offsets, span.texts),
        "Links.TraceState": listed(offsets, links.field("trace_state")),
        "Links.Attributes": listed(offsets, attributes.maps()),
    }


def _refuse_owners(
    bad: NDArray[np.bool_] | None,
    owner: NDArray[np.int64],
    why: str,
    refusals: Refusals,
) -> None:
    if bad is not None and bad.any():
        rows = np.zeros(len(refusals.kept), np.bool_)
        rows[owner[bad]] = True
        refusals.refuse(rows, why)


def _calls(
    spans: Any,
    attributes: Attributes,
    columns: dict[str, Any],
    kept: NDArray[np.bool_],
) -> pa.RecordBatch:
    rows = np.flatnonzero(is_span_call(attributes) & kept)
    if not len(rows):
        return NO_CALLS
    known = ("Timestamp", "TraceId", "SpanId", "ServiceName")
    timestamp, trace_id, span_id, service_name = (columns[name] for name in known)
    if len(rows) < len(spans):
        at = wrap(rows, pa.int64())
        timestamp, trace_id = timestamp.take(at), trace_id.take(at)
        span_id, service_name = span_id.take(at), service_name.take(at)
    callers = Callers(
        timestamp=timestamp,
        duration_ms=pa.array(numbers(columns["Duration"])[rows] / 1e6),
        trace_id=trace_id,
        span_id=span_id,
        service_name=service_name,
        failed=numbers(spans.field("status").field("code"))[rows] == _ERROR,
    )
    return calls(attributes, rows, callers)
