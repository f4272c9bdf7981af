"""A stand-in for a ClickHouse server: its HTTP protocol over chDB, for tests only.

    python -m contract.store.clickhouse_http FOLDER CERTIFICATE PORT

No certificate is no TLS, port 0 any port; it prints its port. ClickHouse itself parses
what clients send: an insert's body goes to it as a file in its own format. A GET of
`/_fault/<what>` sets the fate of the next inserts: `none`, `refuse` (code 241), `lost`
(insert, then hang up), `cut` (hang up while the body comes), `slow` (wait a second),
`bad` (code 53), `away` (hang up on all).
"""

from __future__ import annotations

import base64
import http.server
import itertools
import re
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from chdb import session

if TYPE_CHECKING:
    from collections.abc import Mapping

USER: Final = "watcher"
PASSWORD: Final = "p@ss/word %41"
_OURS: Final = ("database", "query", "default_format", "session_id", "query_id")
# parameters of the HTTP interface, which are no settings
_TRANSPORT: Final = (
    *("client_protocol_version", "compress", "decompress", "wait_end_of_query"),
    *("buffer_size", "role", "user", "password", "quota_key", "stacktrace"),
)
_FORMAT: Final = re.compile(r"\s+FORMAT\s+(\w+)\s*$", re.I)
_INSERT: Final = re.compile(r"(INSERT INTO .+?)\s+FORMAT\s+(\w+)\s*$", re.I | re.S)
_CODE: Final = re.compile(r"Code: (\d+)")
_NUMBERS: Final = itertools.count()


class Server(http.server.ThreadingHTTPServer):
    """Listens on loopback; owns the folder's chDB."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.folder = folder
        self.fault = "none"
        self.keep = session.Session(str(folder / "data"))
        self.turn = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a query, or set the next fault."""
        if self.path.startswith("/_fault/"):
            self.server.fault = self.path.rpartition("/")[2]
            self._send(200, b"")
        else:
            self.do_POST()

    def do_POST(self) -> None:
        """Answer one statement."""
        if self.server.fault == "away":
            self.close_connection = True
            return
        parameters = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
        is_insert = parameters.get("query", "").lstrip().upper().startswith("INSERT")
        if is_insert and self.server.fault == "cut":
            self.rfile.read(1000)
            self.close_connection = True
            return
        body = self._body()
        if not self._known():
            self._fail("Code: 516. DB::Exception: Authentication failed")
            return
        if is_insert and self.server.fault == "refuse":
            self._fail("Code: 241. DB::Exception: Memory limit exceeded")
        elif is_insert and self.server.fault == "bad":
            self._fail("Code: 53. DB::Exception: Type mismatch")
        else:
            if is_insert and self.server.fault == "slow":
                time.sleep(1)
            self._run(parameters, body, lost=is_insert and self.server.fault == "lost")

    def _run(self, parameters: Mapping[str, str], body: bytes, *, lost: bool) -> None:
        sql = parameters.get("query", "")
        match = _INSERT.match(sql)
        if match is None and body:
            sql = f"{sql} {body.decode()}"
        try:
            with self.server.turn:
                result = self._answer(sql, match, parameters, body)
        except Exception as error:
            self._fail(str(error))
            return
        if lost:
            self.close_connection = True
        else:
            self._send(200, result)

    def _answer(
        self,
        sql: str,
        insert: re.Match[str] | None,
        parameters: Mapping[str, str],
        body: bytes,
    ) -> bytes:
        settings = {
            k: v
            for k, v in parameters.items()
            if k not in (*_OURS, *_TRANSPORT) and not k.startswith("param_")
        }
        own = session.Session(str(self.server.folder / "data"))
        try:
            own.query(f"USE `{parameters.get('database', 'default')}`")
            # `readonly` last: after it nothing can be set
            for key in sorted(settings, key=lambda key: key == "readonly"):
                own.query(f"SET {key} = '{settings[key]}'")
            if insert is not None:
                return self._insert(own, insert, body)
            found = _FORMAT.search(sql)
            output = found[1] if found else parameters.get("default_format", "TSV")
            bound = {
                k.removeprefix("param_"): v
                for k, v in parameters.items()
                if k.startswith("param_")
            }
            plain = _FORMAT.sub("", sql)
            return bytes(own.query(plain, output, params=bound).bytes())
        finally:
            own.close()

    def _insert(self, own: session.Session, sql: re.Match[str], body: bytes) -> bytes:
        file = self.server.folder / f"{next(_NUMBERS)}.insert"
        file.write_bytes(body)
        try:
            own.query(f"{sql[1]} FROM INFILE '{file}' FORMAT {sql[2]}")
        finally:
            file.unlink()
        return b""

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", "0")))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _known(self) -> bool:
        user = f"{USER}:{PASSWORD}".encode()
        basic = f"Basic {base64.b64encode(user).decode()}"
        return self.headers.get("authorization") == basic

    def _fail(self, message: str) -> None:
        code = _CODE.search(message)
        self._send(500, message.encode(), code[1] if code else "1002")

    def _send(self, status: int, body: bytes, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(folder: str, certificate: str, port: str) -> None:
    """Serve until killed."""
    server = Server(Path(folder), int(port))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
