"""OTLP over HTTP: protobuf and JSON on one port, told apart by content type."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.protobuf import json_format
from google.rpc import status_pb2

from algovigil_processor.receive import grpc
from algovigil_processor.receive.body import ENCODINGS, Reading, decompress, read
from algovigil_processor.receive.handler import Meta, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from google.protobuf.message import Message

    from algovigil_processor.pipeline import Signal
    from algovigil_processor.receive.handler import Handler

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
_INVALID: Final = 3  # google.rpc.Code.INVALID_ARGUMENT
_UNIMPLEMENTED: Final = 12


class App:
    """The ASGI application of the OTLP/HTTP port."""

    def __init__(self, handler: Handler, from_json: FromJson) -> None:
        self._handler = handler
        self._from_json = from_json
        self._reading = Reading(handler.max_body_bytes * 2)
        # one body at a time is decompressed and read as JSON: both need many times
        # the bytes that came, and more threads would not make them faster
        self._unpack = ThreadPoolExecutor(1, "otlp-http")

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {k.decode("latin1"): v.decode("latin1") for k, v in scope["headers"]}
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = headers.get("content-encoding", "").strip().lower()
        signal = _PATHS.get(scope["path"])
        if signal is None:
            await _refuse(send, kind, 404, f"expected: POST {', '.join(_PATHS)}")
        elif scope["method"] != "POST":
            await _refuse(send, kind, 405, "expected: POST", (b"allow", b"POST"))
        elif kind not in (_PROTOBUF, _JSON):
            expected = f"expected: content-type {_PROTOBUF} or {_JSON}"
            await _refuse(send, kind, 415, expected)
        elif encoding not in ("", "identity", *ENCODINGS):
            known = ", ".join(ENCODINGS)
            accepted = (b"accept-encoding", known.encode())
            await _refuse(
                send, kind, 415, f"expected: content-encoding {known}", accepted
            )
        else:
            meta = Meta(signal, "http", _peer(scope), time.time_ns())
            reply = await self._export(receive, meta, kind, encoding)
            if reply is not None:
                await _reply(send, signal, reply, kind)

    async def _export(
        self, receive: Receive, meta: Meta, kind: str, encoding: str
    ) -> Reply | None:
        """Return the answer to one request; None when the client went away."""
        try:
            body = await self._body(receive, meta.signal, kind, encoding)
        except Exception as error:
            return self._handler.refused(meta, error)
        return None if body is None else await self._handler.handle(body, meta)

    async def _body(
        self, receive: Receive, signal: Signal, kind: str, encoding: str
    ) -> bytes | None:
        limit = self._handler.max_body_bytes
        with self._reading.one() as claim:
            raw = await read(receive, limit, claim)
            if raw is None or (kind == _PROTOBUF and encoding not in ENCODINGS):
                return raw
            return await asyncio.get_running_loop().run_in_executor(
                self._unpack, self._unpacked, raw, signal, kind, encoding
            )

    def _unpacked(self, raw: bytes, signal: Signal, kind: str, encoding: str) -> bytes:
        """Return *raw* as plain protobuf."""
        if encoding in ENCODINGS:
            raw = decompress(raw, encoding, self._handler.max_body_bytes)
        return self._from_json(signal, raw) if kind == _JSON else raw


def _peer(scope: Event) -> str:
    return ":".join(map(str, scope.get("client") or ("unknown",)))


async def _reply(send: Send, signal: Signal, reply: Reply, kind: str) -> None:
    if reply.outcome == "ok":
        message = grpc.success(signal, reply)
    else:
        message = grpc.status(reply)
    extra = []
    if reply.retry_seconds:
        extra.append((b"retry-after", str(round(reply.retry_seconds)).encode()))
    await _send(send, _STATUS[reply.outcome], kind, message, *extra)


async def _refuse(
    send: Send, kind: str, status: int, text: str, *extra: tuple[bytes, bytes]
) -> None:
    code = _UNIMPLEMENTED if status in (404, 405) else _INVALID
    await _send(send, status, kind, status_pb2.Status(code=code, message=text), *extra)


async def _send(
    send: Send, status: int, kind: str, message: Message, *extra: tuple[bytes, bytes]
) -> None:
    """Send *message* in the encoding *kind*; who speaks neither can read JSON."""
    if kind == _PROTOBUF:
        content = message.SerializeToString()
    else:
        kind = _JSON
        content = json_format.MessageToJson(message, indent=None).encode()
    length = str(len(content)).encode()
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", length),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
