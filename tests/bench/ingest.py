"""Spans per CPU-second through the whole line, beside a Rust collector's forward.

Ours: gRPC, decode, redaction, journal with fsync, MergeTree, until merges are done.
The peer, rotel, forwards the same spans unredacted to ClickHouse's wire format and
stores nothing. CPU is each process's own, user and system, from the operating system.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import grpc
from tests.bench.spans import Kind, request

if TYPE_CHECKING:
    from collections.abc import Sequence

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_SPANS = 2048  # a request
_SENDERS = 8
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def send(address: str, bodies: Sequence[bytes]) -> float:
    """Send *bodies* from a closed loop of senders; return the seconds it took."""

    def sender(part: Sequence[bytes]) -> None:
        options = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(address, options) as channel:
            export = channel.unary_unary(_METHOD)
            for body in part:
                export(body, timeout=60, wait_for_ready=True)

    started = time.monotonic()
    with ThreadPoolExecutor(_SENDERS) as pool:
        list(pool.map(sender, [bodies[n::_SENDERS] for n in range(_SENDERS)]))
    return time.monotonic() - started


def settled(pid: int) -> float:
    """Return the process's CPU once it has been idle for a second."""
    before = -1.0
    while (now := cpu_seconds(pid)) - before > 0.05:
        before = now
        time.sleep(1)
    return now


def ours(bodies: Sequence[bytes], warm: Sequence[bytes]) -> dict[str, Any]:
    """Measure the processor."""
    with tempfile.TemporaryDirectory() as folder:
        binary = str(Path(sys.executable).parent / "algovigil")
        ports = [f"--{name}=127.0.0.1:0" for name in ("grpc", "http", "sql", "api")]
        child = subprocess.Popen(
            [binary, "serve", "--json", "--data-dir", f"{folder}/data", *ports],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "ALGOVIGIL_PHI_KEY": "b" * 64},
            text=True,
        )
        try:
            assert child.stdout is not None
            addresses = json.loads(child.stdout.readline())
            send(addresses["grpc"], warm)
            base = settled(child.pid)
            seconds = send(addresses["grpc"], bodies)
            host, _, port = addresses["sql"].rpartition(":")
            client = clickhouse_connect.get_client(host=host, port=int(port))
            wanted = (len(bodies) + len(warm)) * _SPANS
            while client.command("SELECT count() FROM otel.otel_traces") < wanted:
                time.sleep(0.2)
            cpu = settled(child.pid) - base
        finally:
            child.terminate()
            child.wait()
    return _figures(len(bodies) * _SPANS, cpu, seconds)


class _Sink(http.server.BaseHTTPRequestHandler):
    """Takes ClickHouse inserts and throws them away."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def rotel(bodies: Sequence[bytes], warm: Sequence[bytes]) -> dict[str, Any] | str:
    """Measure the peer; a text tells why it could not be."""
    spec = util.find_spec("rotel")
    if spec is None or spec.origin is None:
        return "rotel is not installed (extra `bench`)"
    agent = Path(spec.origin).parent / "rotel-agent"
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    address = "127.0.0.1:43170"
    libraries = f"{sysconfig.get_config_var('LIBDIR')}:/usr/lib/x86_64-linux-gnu"
    child = subprocess.Popen(
        [
            str(agent),
            "start",
            f"--otlp-grpc-endpoint={address}",
            "--otlp-http-endpoint=127.0.0.1:43180",
            "--exporter=clickhouse",
            f"--clickhouse-exporter-endpoint=http://127.0.0.1:{sink.server_port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "LD_LIBRARY_PATH": libraries},
    )
    try:
        time.sleep(1)
        if child.poll() is not None:
            assert child.stderr is not None
            return "rotel does not start: " + child.stderr.read(200).decode()
        send(address, warm)
        base = settled(child.pid)
        seconds = send(address, bodies)
        cpu = settled(child.pid) - base
    finally:
        child.terminate()
        child.wait()
        sink.shutdown()
    return _figures(len(bodies) * _SPANS, cpu, seconds)


def _figures(spans: int, cpu: float, seconds: float) -> dict[str, Any]:
    return {
        "spans": spans,
        "cpu_us_per_span": round(cpu / spans * 1e6, 2),
        "spans_per_cpu_second": round(spans / cpu),
        "wall_spans_per_second": round(spans / seconds),
    }


def run(requests: int = 96) -> dict[str, Any]:
    """Return both figures for repeated and for fresh strings."""
    results: dict[str, Any] = {}
    for kind in ("repeated", "fresh"):
        bodies = _bodies(kind, requests)  # type: ignore[arg-type] # a literal of the loop
        warm, measured = bodies[:16], bodies[16:]
        mine = ours(measured, warm)
        peer = rotel(measured, warm)
        results[kind] = {"algovigil": mine, "rotel, unredacted forward": peer}
        if isinstance(peer, dict):
            ratio = mine["cpu_us_per_span"] / peer["cpu_us_per_span"]
            results[kind]["cpu ratio"] = round(ratio, 2)
    return results


def _bodies(kind: Kind, requests: int) -> list[bytes]:
    return [request(kind, _SPANS, seed) for seed in range(requests)]


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
