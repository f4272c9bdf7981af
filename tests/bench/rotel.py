"""The peer: rotel, a Rust collector, forwarding to ClickHouse's wire format.

It stores nothing: a sink takes its inserts and throws them away. With *redact* a Python
processor of its own interface looks at each string by one key and four values.
"""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sysconfig
import tempfile
import threading
import time
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.processor import send, settled

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROCESSOR = r"""
import re
from rotel_sdk.open_telemetry.common.v1 import AnyValue

KEY = re.compile(r"patient|mrn|ssn")
VALUES = [re.compile(p) for p in (
    r"\bMRN[ :#]*\d{6,10}\b", r"\b\d{3}-\d{2}-\d{4}\b", r"[\w.+-]+@[\w-]+\.\w+",
    r"\b\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b",
)]

def process_spans(resource_spans):
    for scope_spans in resource_spans.scope_spans:
        for span in scope_spans.spans:
            for attribute in span.attributes:
                value = attribute.value
                text = value.value if value is not None else None
                if isinstance(text, str):
                    new = "****" if KEY.search(attribute.key) else text
                    for pattern in VALUES:
                        new = pattern.sub("****", new)
                    if new != text:
                        attribute.value = AnyValue(new)
"""


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


def forward(
    bodies: Sequence[bytes], warm: Sequence[bytes], *, redact: bool = False
) -> float | str:
    """Return CPU seconds that *bodies* took; a text tells why there are none."""
    spec = util.find_spec("rotel")
    if spec is None or spec.origin is None:
        return "rotel is not installed (extra `bench`)"
    agent = Path(spec.origin).parent / "rotel-agent"
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    grpc_port, http_port = _free(), _free()
    libraries = f"{sysconfig.get_config_var('LIBDIR')}:/usr/lib/x86_64-linux-gnu"
    with tempfile.TemporaryDirectory() as folder:
        processor = Path(folder) / "redact.py"
        processor.write_text(_PROCESSOR)
        child = subprocess.Popen(
            [
                *(str(agent), "start", "--exporter=clickhouse"),
                f"--otlp-grpc-endpoint=127.0.0.1:{grpc_port}",
                f"--otlp-http-endpoint=127.0.0.1:{http_port}",
                f"--clickhouse-exporter-endpoint=http://127.0.0.1:{sink.server_port}",
                *([f"--otlp-with-trace-processor={processor}"] if redact else []),
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
            address = f"127.0.0.1:{grpc_port}"
            send(address, warm)
            base = settled(child.pid)
            send(address, bodies)
            return settled(child.pid) - base
        finally:
            child.terminate()
            child.wait()
            sink.shutdown()


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
