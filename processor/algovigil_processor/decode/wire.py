"""OTLP protobuf to Arrow by `ptars`, under a wire-compatible schema of our own.

Invariant: a body is taken wholly or raises `Permanent`; no row is guessed from it.
`AnyValue` is recursive and Arrow is not, so its `array_value` and `kvlist_value` are
`bytes` here: the same wire type, decoded a second time in `values`. Fields that no
table stores are left out; the parser skips them as it skips unknown fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ptars
from google.protobuf import descriptor_pb2, descriptor_pool
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from algovigil_processor.errors import Permanent, TooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from algovigil_processor.pipeline import Signal


GROUP_BYTES: Final = 512 * 1024 * 1024
"""Bodies decoded together: Arrow's 32-bit offsets must hold their text as JSON too."""

_FILES: Final = (
    common_pb2,
    resource_pb2,
    trace_pb2,
    metrics_pb2,
    logs_pb2,
    trace_service_pb2,
    metrics_service_pb2,
    logs_service_pb2,
)
_AS_BYTES: Final = {("AnyValue", "array_value"), ("AnyValue", "kvlist_value")}
_NOT_STORED: Final = {
    ("AnyValue", "string_value_strindex"),
    ("KeyValue", "key_strindex"),
    ("Resource", "dropped_attributes_count"),
    ("Resource", "entity_refs"),
    ("Span", "flags"),
    ("Span", "dropped_attributes_count"),
    ("Span", "dropped_events_count"),
    ("Span", "dropped_links_count"),
    ("Event", "dropped_attributes_count"),
    ("Link", "dropped_attributes_count"),
    ("Link", "flags"),
    ("LogRecord", "dropped_attributes_count"),
    ("Metric", "metadata"),
    ("ExponentialHistogramDataPoint", "zero_threshold"),
}


def _adapt(message: descriptor_pb2.DescriptorProto) -> None:
    kept = [f for f in message.field if (message.name, f.name) not in _NOT_STORED]
    for field in kept:
        if (message.name, field.name) in _AS_BYTES:
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
    copies = [descriptor_pb2.FieldDescriptorProto.FromString(_bytes(f)) for f in kept]
    del message.field[:]
    message.field.extend(copies)
    for nested in message.nested_type:
        _adapt(nested)


def _bytes(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _handlers() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    for file in _FILES:
        proto = descriptor_pb2.FileDescriptorProto()
        file.DESCRIPTOR.CopyToProto(proto)
        for message in proto.message_type:
            _adapt(message)
        pool.Add(proto)
    services = (trace_service_pb2, metrics_service_pb2, logs_service_pb2)
    files = [pool.FindFileByName(s.DESCRIPTOR.name) for s in services]
    handlers = ptars.HandlerPool(files)
    wanted = {
        "traces": "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest",
        "metrics": (
            "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest"
        ),
        "logs": "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest",
        "array": "opentelemetry.proto.common.v1.ArrayValue",
    }
    return {
        name: handlers.get_for_message(pool.FindMessageTypeByName(full))
        for name, full in wanted.items()
    }


_HANDLERS: Final = _handlers()


def parse(signal: Signal, bodies: Sequence[bytes]) -> pa.ListArray:
    """Return one list of `resource_<signal>` structs per body.

    Raises:
        Permanent: a body is not valid protobuf, or a string in it not valid UTF-8.
        TooLarge: the bodies together are over `GROUP_BYTES`.

    """
    if sum(map(len, bodies)) > GROUP_BYTES:
        raise TooLarge(f"more than {GROUP_BYTES} bytes to decode together")
    try:
        return _HANDLERS[signal].list_to_record_batch(list(bodies)).column(0)
    except ValueError:
        # the parser's own text is dropped: it may come to quote data one day
        raise Permanent(
            "found: a body that is not an OTLP protobuf request; "
            f"expected: Export{_NAMES[signal]}ServiceRequest with UTF-8 strings"
        ) from None


_NAMES: Final = {"traces": "Trace", "metrics": "Metrics", "logs": "Logs"}


def parse_arrays(serialized: pa.BinaryArray) -> pa.ListArray:
    """Return one list of `AnyValue` structs per serialized `ArrayValue`.

    Raises:
        Permanent: one of them is not valid.

    """
    try:
        return _HANDLERS["array"].array_to_record_batch(serialized).column(0)
    except ValueError:
        raise Permanent("found: an attribute value that is malformed") from None
