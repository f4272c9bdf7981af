"""OTLP over HTTP: protobuf and JSON on one port, told apart by content type."""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.protobuf import json_format

from algovigil_processor.errors import Permanent, TooLarge
from algovigil_processor.receive import grpc
from algovigil_processor.receive.handler import Meta, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from google.protobuf.message import Message

    from algovigil_processor.receive.handler import Handler
    from algovigil_processor.receive.intake import Signal

    Event: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Event]]
    Send: TypeAlias = Callable[[Event], Awaitable[None]]
    FromJson: TypeAlias = Callable[[Signal, bytes], bytes]

_PATHS: Final[dict[str, Signal]] = {
    "/v1/traces": "traces",
    "/v1/metrics": "metrics",
    "/v1/logs": "logs",
}
_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_STATUS: Final = {
    "ok": 200,
    "invalid": 400,
    "too_large": 413,
    "unavailable": 503,
    "internal": 500,
}


class App:
    """The ASGI application of the OTLP/HTTP port."""

    def __init__(self, handler: Handler, from_json: FromJson) -> None:
        self._handler = handler
        self._from_json = from_json

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        signal = _PATHS.get(scope["path"])
        headers = {k.decode("latin1"): v.decode("latin1") for k, v in scope["headers"]}
        content_type = headers.get("content-type", "").partition(";")[0].strip()
        if signal is None:
            await _text(send, 404, f"expected: POST {', '.join(_PATHS)}")
        elif scope["method"] != "POST":
            await _text(send, 405, "expected: POST", (b"allow", b"POST"))
        elif content_type.lower() not in (_PROTOBUF, _JSON):
            await _text(send, 415, f"expected: content-type {_PROTOBUF} or {_JSON}")
        else:
            await self._export(scope, receive, send, signal, headers)

    async def _export(
        self,
        scope: Event,
        receive: Receive,
        send: Send,
        signal: Signal,
        headers: dict[str, str],
    ) -> None:
        is_json = _JSON in headers["content-type"].lower()
        encoding = headers.get("content-encoding", "identity").lower()
        limit = self._handler.max_body_bytes
        peer = ":".join(map(str, scope.get("client") or ("unknown",)))
        meta = Meta(signal, "http", peer, time.time_ns())
        try:
            raw = await _read(receive, limit)
        except TooLarge as error:
            await _reply(send, signal, Reply("too_large", str(error)), is_json)
            return
        if raw is None:
            return

        def body() -> bytes:
            content = decompress(raw, encoding, limit)
            return self._from_json(signal, content) if is_json else content

        reply = await self._handler.handle(body, meta)
        await _reply(send, signal, reply, is_json)


async def _read(receive: Receive, limit: int) -> bytes | None:
    """Return the whole body; None when the client went away."""
    parts: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        part = event.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge(f"a body over {limit} bytes")
        parts.append(part)
        if not event.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Return *body* decompressed, never more than *limit* bytes of it.

    Raises:
        TooLarge: it would be more.
        Permanent: the encoding is not known, or the body is not in it.
    """
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Permanent("content-encoding: expected gzip or identity")
    engine = zlib.decompressobj(wbits=31)
    try:
        content = engine.decompress(body, limit + 1)
    except zlib.error:
        raise Permanent("the body is not gzip") from None
    if len(content) > limit:
        raise TooLarge(f"over {limit} bytes after decompression")
    if not engine.eof:
        raise Permanent("the gzip body is cut short")
    if engine.unused_data:
        return content + decompress(engine.unused_data, encoding, limit - len(content))
    return content


async def _reply(send: Send, signal: Signal, reply: Reply, is_json: bool) -> None:
    message: Message
    if reply.outcome == "ok":
        message = grpc.success(signal, reply)
    else:
        message = grpc.status(reply)
    if is_json:
        content = json_format.MessageToJson(message, indent=None).encode()
    else:
        content = message.SerializeToString()
    extra = []
    if reply.retry_seconds:
        extra.append((b"retry-after", str(round(reply.retry_seconds)).encode()))
    kind = (_JSON if is_json else _PROTOBUF).encode()
    await _send(send, _STATUS[reply.outcome], kind, content, *extra)


async def _text(
    send: Send, status: int, text: str, *extra: tuple[bytes, bytes]
) -> None:
    await _send(send, status, b"text/plain; charset=utf-8", text.encode(), *extra)


async def _send(
    send: Send, status: int, kind: bytes, content: bytes, *extra: tuple[bytes, bytes]
) -> None:
    length = str(len(content)).encode()
    headers = [(b"content-type", kind), (b"content-length", length), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
