"""Random OTLP requests: wild but valid protobuf, good ids and bad."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import (
    ResourceSpans,
    ScopeSpans,
    Span,
    Status,
)

TEXT = st.text(max_size=6)
KEY = st.sampled_from(["a", "b", "service.name", "k\u00e9y", ""]) | TEXT
U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**63 - 1, 2**63, 2**64 - 1])
I64 = st.integers(-(2**63), 2**63 - 1)
I32 = st.integers(-(2**31), 2**31 - 1)
F64 = st.floats() | st.sampled_from([1e15, 1e20, 1e21, 1e-6, 1e-7, -0.0, 123e16])


def some(values: st.SearchStrategy[Any], size: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, max_size=size)


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pair = st.builds(KeyValue, key=KEY, value=inner)
    array = st.builds(ArrayValue, values=some(inner))
    return st.builds(AnyValue, array_value=array) | st.builds(
        AnyValue, kvlist_value=st.builds(KeyValueList, values=some(pair))
    )


_SCALAR = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=TEXT),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=I64),
    st.builds(AnyValue, double_value=F64),
    st.builds(AnyValue, bytes_value=st.binary(max_size=4)),
)
VALUE = st.recursive(_SCALAR, _deeper, max_leaves=4)
ATTRIBUTES = some(
    st.builds(KeyValue, key=KEY, value=VALUE) | st.builds(KeyValue, key=KEY)
)
_SIZED = {
    n: st.just(bytes(range(1, n + 1))) | st.binary(min_size=n, max_size=n)
    for n in (8, 16)
}


def _id(size: int, odd: bool = True) -> st.SearchStrategy[bytes]:
    usual = _SIZED[size] | st.just(b"") | st.just(bytes(size))
    return usual | st.binary(max_size=20) if odd else usual


_EVENT = st.builds(Span.Event, time_unix_nano=U64, name=TEXT, attributes=ATTRIBUTES)
_LINK = st.builds(
    Span.Link,
    trace_id=_id(16, odd=False),
    span_id=_id(8, odd=False),
    trace_state=TEXT,
    attributes=ATTRIBUTES,
)
_SPAN = st.builds(
    Span,
    trace_id=st.one_of(_SIZED[16], _SIZED[16], _SIZED[16], _id(16)),
    span_id=st.one_of(_SIZED[8], _SIZED[8], _SIZED[8], _id(8)),
    parent_span_id=_id(8, odd=False),
    trace_state=TEXT,
    name=TEXT,
    kind=I32 | st.integers(0, 5),
    start_time_unix_nano=U64,
    end_time_unix_nano=U64,
    attributes=ATTRIBUTES,
    events=some(_EVENT, 2),
    links=some(_LINK, 2),
    status=st.none() | st.builds(Status, code=st.integers(-1, 4), message=TEXT),
)
_RECORD = st.builds(
    LogRecord,
    time_unix_nano=U64 | st.just(0),
    observed_time_unix_nano=U64 | st.just(0),
    severity_number=I32 | st.integers(0, 24),
    severity_text=TEXT,
    body=st.none() | VALUE,
    attributes=ATTRIBUTES,
    flags=U32,
    trace_id=_id(16),
    span_id=_id(8),
    event_name=TEXT,
)
_EXEMPLAR = st.builds(
    m.Exemplar,
    filtered_attributes=ATTRIBUTES,
    time_unix_nano=U64,
    as_double=F64,
    span_id=_id(8, odd=False),
    trace_id=_id(16, odd=False),
) | st.builds(m.Exemplar, as_int=I64, span_id=_id(8))
_POINT: dict[str, Any] = {
    "attributes": ATTRIBUTES,
    "start_time_unix_nano": U64,
    "time_unix_nano": U64,
    "flags": U32,
}
_WITH: dict[str, Any] = {**_POINT, "exemplars": some(_EXEMPLAR, 2)}
_NUMBER = st.one_of(
    st.builds(m.NumberDataPoint, as_double=F64, **_WITH),
    st.builds(m.NumberDataPoint, as_int=I64, **_WITH),
    st.builds(m.NumberDataPoint, **_POINT),
)
_OPTIONAL = st.none() | F64
_SPREAD: dict[str, Any] = {
    "count": U64,
    "sum": _OPTIONAL,
    "min": _OPTIONAL,
    "max": _OPTIONAL,
}
_HISTOGRAM = st.builds(
    m.HistogramDataPoint,
    bucket_counts=some(U64),
    explicit_bounds=some(F64),
    **_SPREAD,
    **_WITH,
)
_BUCKETS = st.none() | st.builds(
    m.ExponentialHistogramDataPoint.Buckets, offset=I32, bucket_counts=some(U64)
)
_EXPONENTIAL = st.builds(
    m.ExponentialHistogramDataPoint,
    scale=I32,
    zero_count=U64,
    positive=_BUCKETS,
    negative=_BUCKETS,
    **_SPREAD,
    **_WITH,
)
_SUMMARY = st.builds(
    m.SummaryDataPoint,
    count=U64,
    sum=F64,
    quantile_values=some(
        st.builds(m.SummaryDataPoint.ValueAtQuantile, quantile=F64, value=F64)
    ),
    **_POINT,
)
_TEMPORALITY = st.integers(-1, 3)
_DATA = st.one_of(
    st.fixed_dictionaries({"gauge": st.builds(m.Gauge, data_points=some(_NUMBER))}),
    st.fixed_dictionaries(
        {
            "sum": st.builds(
                m.Sum,
                data_points=some(_NUMBER),
                aggregation_temporality=_TEMPORALITY,
                is_monotonic=st.booleans(),
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "histogram": st.builds(
                m.Histogram,
                data_points=some(_HISTOGRAM),
                aggregation_temporality=_TEMPORALITY,
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "exponential_histogram": st.builds(
                m.ExponentialHistogram,
                data_points=some(_EXPONENTIAL),
                aggregation_temporality=_TEMPORALITY,
            )
        }
    ),
    st.fixed_dictionaries(
        {"summary": st.builds(m.Summary, data_points=some(_SUMMARY))}
    ),
    st.just({}),
)


@st.composite
def _metric(draw: st.DrawFn) -> m.Metric:
    texts = {name: draw(TEXT) for name in ("name", "description", "unit")}
    return m.Metric(**texts, **draw(_DATA))


_SCOPE = st.none() | st.builds(
    InstrumentationScope,
    name=TEXT,
    version=TEXT,
    attributes=ATTRIBUTES,
    dropped_attributes_count=U32,
)
_RESOURCE = st.none() | st.builds(Resource, attributes=ATTRIBUTES)


def _request(
    request: Any, resource: Any, scope: Any, record: st.SearchStrategy[Any], signal: str
) -> st.SearchStrategy[bytes]:
    field = "log_records" if signal == "logs" else signal
    scopes = st.builds(scope, scope=_SCOPE, schema_url=TEXT, **{field: some(record)})
    resources = st.builds(
        resource,
        resource=_RESOURCE,
        schema_url=TEXT,
        **{f"scope_{signal}": some(scopes, 2)},
    )
    whole = st.builds(request, **{f"resource_{signal}": some(resources, 2)})
    return whole.map(lambda message: message.SerializeToString())


BODIES: dict[str, st.SearchStrategy[list[bytes]]] = {
    "traces": some(
        _request(ExportTraceServiceRequest, ResourceSpans, ScopeSpans, _SPAN, "spans")
    ),
    "logs": some(
        _request(ExportLogsServiceRequest, ResourceLogs, ScopeLogs, _RECORD, "logs")
    ),
    "metrics": some(
        _request(
            ExportMetricsServiceRequest,
            m.ResourceMetrics,
            m.ScopeMetrics,
            _metric(),
            "metrics",
        )
    ),
}
