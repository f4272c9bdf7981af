"""Metric points to the five `otel_metrics_*` tables, as the ClickHouse exporter does.

Invariant: a point is one row of exactly one table; one that states its value twice,
or whose metric is of two kinds, is refused. An absent sum, min, max or value is 0.0,
because that is what readers of the exporter's tables expect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil_processor.decode.attributes import Attributes
from algovigil_processor.decode.columns import (
    listed,
    mask,
    numbers,
    padded_hex_ids,
    plain,
    starts,
    times,
    unnest,
    wrap,
)
from algovigil_processor.decode.envelope import AMBIGUOUS, Envelope, Refusals
from algovigil_processor.schema import SCHEMAS, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from algovigil_processor.decode.timely import Timely

_KINDS: Final[dict[str, Table]] = {
    "gauge": "otel_metrics_gauge",
    "sum": "otel_metrics_sum",
    "histogram": "otel_metrics_histogram",
    "exponential_histogram": "otel_metrics_exponential_histogram",
    "summary": "otel_metrics_summary",
}
_TWO_KINDS: Final = "a metric of two kinds"
_EXEMPLAR_IDS: Final = "an exemplar whose ids have the wrong size"


def decode_metrics(
    request: pa.ListArray, timely: Timely
) -> tuple[dict[Table, pa.RecordBatch], list[Refusals]]:
    """Return the rows of *request* by table, and what was refused of each kind."""
    tree = Envelope.of(request, "scope_metrics", "metrics")
    kinds = np.zeros(len(tree.records), np.int64)
    for kind in _KINDS:
        kinds += mask(tree.records.field(kind))
    tables: dict[Table, pa.RecordBatch] = {}
    refusals: list[Refusals] = []
    for kind, table in _KINDS.items():
        of_kind = tree.records.field(kind)
        points, metric = unnest(of_kind.field("data_points"))
        if len(points):
            refused = Refusals(tree.body_of[metric], tree.bodies)
            refused.refuse(kinds[metric] > 1, _TWO_KINDS)
            timely.judge(numbers(points.field("time_unix_nano")), refused)
            rows = _points(table, tree, of_kind, points, metric, refused)
            tables[table] = rows
            refusals.append(refused)
    return tables, refusals


def _points(
    table: Table,
    tree: Envelope,
    of_kind: Any,
    points: Any,
    metric: NDArray[np.int64],
    refusals: Refusals,
) -> pa.RecordBatch:
    attributes = Attributes.of(points.field("attributes"))
    refusals.refuse(attributes.ambiguous, AMBIGUOUS)
    above = tree.ambiguous(scopes=True)
    refusals.refuse(None if above is None else above[metric], AMBIGUOUS)
    columns = _head(tree, metric)
    columns["Attributes"] = attributes.maps()
    columns["StartTimeUnix"] = times(points.field("start_time_unix_nano"))
    columns["TimeUnix"] = times(points.field("time_unix_nano"))
    columns["Flags"] = points.field("flags")
    at = wrap(metric, pa.int64())
    for field, column in (
        ("aggregation_temporality", "AggregationTemporality"),
        ("is_monotonic", "IsMonotonic"),
    ):
        if of_kind.type.get_field_index(field) >= 0:
            columns[column] = _zero(of_kind.field(field)).take(at)
    columns |= _VALUES[table](points, refusals)
    schema = SCHEMAS[table]
    rows = pa.RecordBatch.from_arrays(
        [columns[name] for name in schema.names], schema=schema
    )
    return refusals.apply(rows)


def _head(tree: Envelope, metric: NDArray[np.int64]) -> dict[str, Any]:
    resource, scope = tree.resource_attributes, tree.scopes.field("scope")
    at = wrap(metric, pa.int64())
    dropped = _zero(scope.field("dropped_attributes_count"))
    url = tree.resources.field("schema_url")
    return {
        "ResourceAttributes": tree.of_resource(resource.maps(), metric),
        "ResourceSchemaUrl": tree.of_resource(plain(url), metric),
        "ScopeName": tree.of_scope(plain(scope.field("name")), metric),
        "ScopeVersion": tree.of_scope(plain(scope.field("version")), metric),
        "ScopeAttributes": tree.of_scope(tree.scope_attributes.maps(), metric),
        "ScopeDroppedAttrCount": tree.of_scope(dropped, metric),
        "ScopeSchemaUrl": tree.of_scope(plain(tree.scopes.field("schema_url")), metric),
        "ServiceName": tree.of_resource(resource.column("service.name"), metric),
        "MetricName": tree.records.field("name").take(at),
        "MetricDescription": tree.records.field("description").take(at),
        "MetricUnit": tree.records.field("unit").take(at),
    }


def _zero(column: Any) -> Any:
    return column.fill_null(0) if column.null_count else column


def _number(rows: Any, refuse: Callable[[NDArray[np.bool_]], None]) -> Any:
    """Return `as_double`, else `as_int`, else 0.0; both at once are refused."""
    double, whole = rows.field("as_double"), rows.field("as_int")
    refuse(mask(double) & mask(whole))
    return pc.coalesce(double, whole.cast(pa.float64(), safe=False), 0.0)


def _exemplars(points: Any, refusals: Refusals) -> dict[str, Any]:
    lists = points.field("exemplars")
    exemplars, owner = unnest(lists)
    offsets = starts(lists)

    def refuse(bad: NDArray[np.bool_] | None, why: str) -> None:
        if bad is not None and bad.any():
            rows = np.zeros(len(points), np.bool_)
            rows[owner[bad]] = True
            refusals.refuse(rows, why)

    attributes = Attributes.of(exemplars.field("filtered_attributes"))
    refuse(attributes.ambiguous, AMBIGUOUS)
    trace = padded_hex_ids(exemplars.field("trace_id"), 16)
    span = padded_hex_ids(exemplars.field("span_id"), 8)
    refuse(~(trace.formed & span.formed), _EXEMPLAR_IDS)
    value = _number(exemplars, lambda bad: refuse(bad, AMBIGUOUS))
    return {
        "Exemplars.FilteredAttributes": listed(offsets, attributes.maps()),
        "Exemplars.TimeUnix": listed(offsets, times(exemplars.field("time_unix_nano"))),
        "Exemplars.Value": listed(offsets, value),
        "Exemplars.SpanId": listed(offsets, span.texts),
        "Exemplars.TraceId": listed(offsets, trace.texts),
    }


def _gauge(points: Any, refusals: Refusals) -> dict[str, Any]:
    value = _number(points, lambda bad: refusals.refuse(bad, AMBIGUOUS))
    return {"Value": value, **_exemplars(points, refusals)}


def _distribution(points: Any, refusals: Refusals) -> dict[str, Any]:
    return {
        "Count": points.field("count"),
        "Sum": _zero(points.field("sum")),
        "Min": _zero(points.field("min")),
        "Max": _zero(points.field("max")),
        **_exemplars(points, refusals),
    }


def _relisted(lists: Any) -> pa.ListArray:
    return listed(starts(lists), lists.flatten())


def _histogram(points: Any, refusals: Refusals) -> dict[str, Any]:
    return {
        **_distribution(points, refusals),
        "BucketCounts": _relisted(points.field("bucket_counts")),
        "ExplicitBounds": _relisted(points.field("explicit_bounds")),
    }


def _exponential(points: Any, refusals: Refusals) -> dict[str, Any]:
    columns = {
        **_distribution(points, refusals),
        "Scale": points.field("scale"),
        "ZeroCount": points.field("zero_count"),
    }
    for side, prefix in (("positive", "Positive"), ("negative", "Negative")):
        buckets = points.field(side)
        columns[f"{prefix}Offset"] = _zero(buckets.field("offset"))
        columns[f"{prefix}BucketCounts"] = _relisted(buckets.field("bucket_counts"))
    return columns


def _summary(points: Any, refusals: Refusals) -> dict[str, Any]:
    lists = points.field("quantile_values")
    quantiles, offsets = lists.flatten(), starts(lists)
    return {
        "Count": points.field("count"),
        "Sum": points.field("sum"),
        "ValueAtQuantiles.Quantile": listed(offsets, quantiles.field("quantile")),
        "ValueAtQuantiles.Value": listed(offsets, quantiles.field("value")),
    }


_VALUES: Final[dict[str, Callable[[Any, Refusals], dict[str, Any]]]] = {
    "otel_metrics_gauge": _gauge,
    "otel_metrics_sum": _gauge,
    "otel_metrics_histogram": _histogram,
    "otel_metrics_exponential_histogram": _exponential,
    "otel_metrics_summary": _summary,
}
