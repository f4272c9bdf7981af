"""OTLP log requests of our own, sent until they are acknowledged.

Invariant: an answer is one of three: taken, refused for what it says (that record only
is set aside), or not now. Anything that is not clearly a refusal of content is not now.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.util.re import parse_env_headers

from algovigil.config import Processor
from algovigil.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_METHOD: Final = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
_SECONDS: Final = 10.0
_CONTENT_CODES: Final = (400, 413, 422)


class Refused(Exception):
    """The processor will not take these records, today or tomorrow."""


def endpoint(processor: Processor) -> str:
    """Return where to send: the file's endpoint, else OpenTelemetry's environment."""
    if processor != Processor():
        return processor.endpoint
    return os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or processor.endpoint


def attribute(key: str, value: str | bool | float) -> KeyValue:
    """Return an OTLP attribute."""
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def request(records: Iterable[bytes]) -> bytes:
    """Return an `ExportLogsServiceRequest` of serialized log *records*."""
    made = ExportLogsServiceRequest()
    envelope = made.resource_logs.add()
    envelope.resource.attributes.extend(
        attribute(key, value)
        for key, value in Resource.create().attributes.items()
        if isinstance(value, (str, bool, int, float))
    )
    scope = envelope.scope_logs.add()
    scope.scope.name = "algovigil.outcomes"
    scope.log_records.extend(LogRecord.FromString(record) for record in records)
    return made.SerializeToString()


class Sender:
    """Sends requests to one endpoint, by gRPC or HTTP as `OTEL_EXPORTER_OTLP_*` says.

    Args:
        url: `http://host:port` or `https://host:port`.
    """

    def __init__(self, url: str) -> None:
        protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").strip()
        self._headers: Final[Mapping[str, str]] = parse_env_headers(
            os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""), liberal=True
        )
        self._url: Final = f"{url.rstrip('/')}/v1/logs"
        self._channel: Any = _channel(url) if protocol == "grpc" else None

    def send(self, records: list[bytes]) -> int:
        """Send *records*; return how many of them were rejected in a partial success.

        Raises:
            Refused: the content is not acceptable.
            Unavailable: it was not taken now.
        """
        body = request(records)
        reply = self._post(body) if self._channel is None else self._call(body)
        answer = ExportLogsServiceResponse.FromString(reply)
        return answer.partial_success.rejected_log_records

    def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            self._channel.close()

    def _call(self, body: bytes) -> bytes:
        import grpc

        export = self._channel.unary_unary(_METHOD)
        try:
            reply: bytes = export(
                body, timeout=_SECONDS, metadata=tuple(self._headers.items())
            )
        except grpc.RpcError as error:
            code = error.code()
            if code is grpc.StatusCode.INVALID_ARGUMENT:
                raise Refused from None
            raise Unavailable(f"the processor answered {code.name}") from None
        return reply

    def _post(self, body: bytes) -> bytes:
        headers = {**self._headers, "Content-Type": "application/x-protobuf"}
        made = urllib.request.Request(  # noqa: S310 # the scheme is the operator's
            self._url, body, headers, method="POST"
        )
        try:
            with urllib.request.urlopen(made, timeout=_SECONDS) as reply:  # noqa: S310 # as above
                found: bytes = reply.read()
        except urllib.error.HTTPError as error:
            if error.code in _CONTENT_CODES:
                raise Refused from None
            raise Unavailable(f"the processor answered {error.code}") from None
        except OSError as error:
            raise Unavailable(f"no answer: {type(error).__name__}") from None
        return found


def _channel(url: str) -> Any:
    import grpc

    parts = urlsplit(url)
    target = parts.netloc or url
    if parts.scheme != "https":
        return grpc.insecure_channel(target)
    certificate = os.environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE")
    root = None
    if certificate:
        with open(certificate, "rb") as file:  # noqa: PTH123 # bytes of one file
            root = file.read()
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(root))
