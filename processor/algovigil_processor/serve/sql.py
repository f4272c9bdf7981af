"""ClickHouse's HTTP protocol over the embedded engine, for reading only.

Grafana, clickhouse-connect, BI tools and `curl` take this port for a ClickHouse server.
Clients' settings are dropped, never obeyed: limits belong to the session.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import uuid
import zlib
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from algovigil_processor.serve.auth import Access, Guard
from algovigil_processor.serve.caller import while_connected
from algovigil_processor.serve.sqlgate import DATABASE, MAX_BYTES
from algovigil_processor.serve.statements import Answer, answer
from algovigil_processor.serve.wire import Refused, content_type, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from algovigil_processor.serve.readers import Readers, Session
    from algovigil_processor.telemetry import Telemetry

_DISPLAY_NAME: Final = "algovigil"
_QUERY_ID: Final = re.compile(r"[\w.:@/-]{1,128}", re.ASCII)
_HELLO: Final = re.compile(
    r"SELECT displayName\(\), version\(\), revision\(\), timezone\(\);?"
)
_GZIP_FROM: Final = 1024  # bytes; below, the header costs more than it saves
_GZIP_LEVEL: Final = 1


def build(
    readers: Readers, telemetry: Telemetry, *, access: Access | None = None
) -> ASGIApp:
    """Return the app: GET, HEAD and POST `/`, and `/ping`.

    *access* None lets in only requests that name this machine by a loopback name.
    """
    endpoint = _Endpoint(readers, telemetry)
    return Starlette(
        routes=[
            Route("/", endpoint.query, methods=["GET", "POST"]),
            Route("/ping", _ping, methods=["GET"]),
        ],
        middleware=[
            Middleware(
                Guard,
                access=access or Access(),
                answer=error_response,
                open_paths=frozenset({"/ping"}),
            )
        ],
    )


def error_response(error: Refused) -> Response:
    """Return *error* as ClickHouse answers it."""
    headers = {"X-ClickHouse-Exception-Code": str(error.code)}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
    return PlainTextResponse(f"{error}\n", error.status, headers)


async def _ping(_: Request) -> Response:
    return PlainTextResponse("Ok.\n")


class _Endpoint:
    def __init__(self, readers: Readers, telemetry: Telemetry) -> None:
        self._readers = readers
        self._telemetry = telemetry
        self._hello = b""

    async def query(self, request: Request) -> Response:
        """Answer one statement."""
        query_id = request.query_params.get("query_id") or str(uuid.uuid4())
        try:
            if not _QUERY_ID.fullmatch(query_id):
                query_id = ""
                raise refused("BAD_ARGUMENTS", "query_id holds other than [A-Za-z0-9]")
            response = await self._answer(request)
        except Refused as error:
            response = error_response(error)
        response.headers["X-ClickHouse-Server-Display-Name"] = _DISPLAY_NAME
        response.headers["X-ClickHouse-Query-Id"] = query_id
        return response

    async def _answer(self, request: Request) -> Response:
        parameters = request.query_params
        if parameters.get("compress", "0") != "0":
            raise refused(
                "BAD_ARGUMENTS", "compress is not served; ask for gzip by its header"
            )
        _check_database(request)
        sql = await _statement(request)
        if not sql.strip():
            return Response(b"", media_type="text/plain")
        output_format = (
            parameters.get("default_format")
            or request.headers.get("x-clickhouse-format")
            or "TabSeparated"
        )
        if "client_protocol_version" in parameters and _HELLO.fullmatch(sql.strip()):
            return await self._answer_hello()
        result = await while_connected(
            request,
            answer(
                self._readers, self._telemetry, sql, output_format, _bound(parameters)
            ),
        )
        return await _response(result, request)

    async def _answer_hello(self) -> Response:
        """Answer clickhouse-go's first statement in the framing it reads it with.

        The client names its own revision and decodes this one answer by it; the
        revision 0 in the answer makes it read everything after as plain Native.
        """
        if not self._hello:
            self._hello = await self._readers.run(_hello)
        return Response(
            self._hello,
            media_type="application/octet-stream",
            headers={"X-ClickHouse-Format": "Native"},
        )


def _hello(session: Session) -> bytes:
    found = session.raw("SELECT version(), timezone()", "TSV").decode()
    version, timezone = found.rstrip("\n").split("\t")
    columns = (
        ("displayName()", "String", _text(_DISPLAY_NAME)),
        ("version()", "String", _text(version)),
        ("revision()", "UInt32", bytes(4)),
        ("timezone()", "String", _text(timezone)),
    )
    # BlockInfo (is_overflows 0, bucket_num -1), 4 columns, 1 row; each column states
    # that it has no custom serialization
    block = b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01"
    for name, kind, value in columns:
        block += _text(name) + _text(kind) + b"\x00" + value
    return block


def _text(value: str) -> bytes:
    data = value.encode()
    assert len(data) < 128, "a longer text needs a varint of two bytes"
    return bytes([len(data)]) + data


def _check_database(request: Request) -> None:
    database = request.query_params.get("database") or request.headers.get(
        "x-clickhouse-database", DATABASE
    )
    # drivers that were given no database name `default`
    if database not in (DATABASE, "default"):
        raise refused("UNKNOWN_DATABASE", f"The database here is `{DATABASE}`")


async def _statement(request: Request) -> str:
    """Return the statement: the URL's, a newline, the body's, as ClickHouse joins."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                raise refused("QUERY_IS_TOO_LARGE", f"a body holds {MAX_BYTES} bytes")
    except ClientDisconnect:
        raise refused("BAD_ARGUMENTS", "the body is not complete") from None
    encoding = request.headers.get("content-encoding", "identity").lower()
    data = _decoded(bytes(body), encoding)
    url = request.query_params.get("query", "")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise refused("BAD_ARGUMENTS", "the body is not UTF-8") from None
    return f"{url}\n{text}" if url and text else url or text


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "identity" or not body:
        return body
    if encoding != "gzip":
        raise refused("BAD_ARGUMENTS", "Content-Encoding is gzip or none")
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(body, MAX_BYTES + 1)
    except zlib.error:
        raise refused("BAD_ARGUMENTS", "the body is not gzip") from None
    if len(data) > MAX_BYTES:
        raise refused("QUERY_IS_TOO_LARGE", f"a body holds {MAX_BYTES} bytes")
    if not stream.eof:
        raise refused("BAD_ARGUMENTS", "the gzip body is not complete")
    return data


def _bound(parameters: Mapping[str, str]) -> dict[str, object]:
    return {
        key.removeprefix("param_"): value
        for key, value in parameters.items()
        if key.startswith("param_")
    }


async def _response(result: Answer, request: Request) -> Response:
    summary = {
        "elapsed_ns": str(result.elapsed_ns),
        "result_bytes": str(len(result.body)),
    }
    headers = {
        "X-ClickHouse-Format": result.output_format,
        "X-ClickHouse-Summary": json.dumps(summary),
        "Vary": "Accept-Encoding",
    }
    body = result.body
    if len(body) >= _GZIP_FROM and _takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        body = await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL, mtime=0)
    return Response(
        body, headers=headers, media_type=content_type(result.output_format)
    )


def _takes_gzip(request: Request) -> bool:
    for part in request.headers.get("accept-encoding", "").split(","):
        coding, _, weight = part.partition(";")
        if coding.strip().lower() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0")
    return False
