"""clickhouse-go, the driver of Grafana's plugin, inside a program that npm has."""

from __future__ import annotations

import http.server
import subprocess
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from algovigil_dashboards import load
from integration.dashboards.macros import CLICKHOUSE, Range, expand, opened
from integration.processor.served import export, trace_request

from .conftest import NODE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration.processor.served import Served

pytestmark = pytest.mark.foreign

# dbmate asks only about its own table, so that the relay puts the question of a
# dashboard in the place of this one; the answer is decoded by the driver
_ASKED = b"select version from otel_traces final where applied order by version desc"


def dbmate(
    address: str, folder: Path, word: str, table: str = "otel_traces"
) -> tuple[int, str]:
    """Run dbmate on the SQL port at *address*; return its exit code and output."""
    (folder / "db" / "migrations").mkdir(parents=True, exist_ok=True)
    (folder / "db" / "migrations" / "20260101000000_a.sql").write_text("-- migrate:up")
    url = f"clickhouse+http://{address}/otel?compress=gzip&max_execution_time=60"
    options = [f"--url={url}", f"--migrations-table={table}"]
    done = subprocess.run(
        [str(NODE / ".bin" / "dbmate"), *options, word],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def asked() -> list[bytes]:
    """The question that the relay asks instead."""
    return [_ASKED]


@pytest.fixture
def relay(served: Served, asked: list[bytes]) -> Iterator[str]:
    """A relay in front of the SQL port; yields its address."""

    class Relay(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            body = body.replace(_ASKED, asked[0])
            url = f"http://{served.addresses['sql']}{self.path}"
            request = urllib.request.Request(url, body)
            for name in ("Authorization", "Accept-Encoding", "User-Agent"):
                if name in self.headers:
                    request.add_header(name, self.headers[name])
            try:
                answer = urllib.request.urlopen(request)
            except urllib.error.HTTPError as error:
                answer = error
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower().startswith(("x-", "content-encoding")):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_driver_shakes_hands_and_reads(
    served: Served, relay: str, asked: list[bytes], tmp_path: Path
) -> None:
    """Hello, a ping, EXISTS, and rows of a dashboard's query, gzip and all."""
    export(served.addresses["grpc"], trace_request(1, 2, 3))
    served.wait_for("SELECT count() >= 3 FROM otel_traces", True)
    asked[0] = (
        b"SELECT if(max(SpanName) != '', '20260101000000', '') AS version "
        b"FROM otel_traces WHERE Timestamp >= toDateTime(1) GROUP BY SpanName "
        b"UNION ALL SELECT toString(number) FROM numbers(3000)"
    )
    code, said = dbmate(relay, tmp_path, "status")
    assert 0 == code, said
    assert "[X] 20260101000000_a.sql" in said
    assert "Applied: 1" in said


@pytest.mark.parametrize("dashboard", CLICKHOUSE)
def test_the_driver_runs_the_queries_of_a_dashboard(
    served: Served, relay: str, asked: list[bytes], tmp_path: Path, dashboard: str
) -> None:
    """One of each kind of panel; rows come as text, since dbmate reads only that."""
    export(served.addresses["grpc"], trace_request(1, 2, 3))
    served.wait_for("SELECT count() > 0 FROM inferences", True)
    now = int(time.time())
    when = Range(now - 3600, now + 3600, 60)
    ask = served.client.query
    chosen = opened(load(dashboard), when, lambda sql: ask(sql).result_rows)
    kinds: dict[str, str] = {}
    for panel in load(dashboard)["panels"]:
        for target in panel.get("targets", ()):
            kinds.setdefault(panel["type"], target["rawSql"])
    assert len(kinds) >= 2
    for kind, sql in kinds.items():
        asked[0] = (
            f"SELECT toString(tuple(*)) AS version FROM ({expand(sql, when, chosen)}) "
            "UNION ALL SELECT '20260101000000'"
        ).encode()
        code, said = dbmate(relay, tmp_path, "status")
        assert (0, True) == (code, "Applied: 1" in said), (kind, said)


def test_the_driver_shows_our_errors(served: Served, tmp_path: Path) -> None:
    """An error keeps its words, and what would write is told so."""
    code, said = dbmate(served.addresses["sql"], tmp_path, "status")
    assert (2, True) == (code, "(ILLEGAL_FINAL)" in said), said
    code, said = dbmate(served.addresses["sql"], tmp_path, "dump", "nowhere")
    assert (2, True) == (code, "a statement that is not a query" in said), said
