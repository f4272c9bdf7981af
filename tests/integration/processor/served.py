"""A real `algovigil serve` in a process of its own, for tests."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

BINARY: Final = str(Path(sys.executable).parent / "algovigil")
KEY: Final = "test-key-" + "0123456789abcdef" * 4
# tests count every row that they find: none of them is the canary's
_ENVIRONMENT: Final = {"ALGOVIGIL_PHI_KEY": KEY, "ALGOVIGIL_PHI_CANARY_SECONDS": "0"}
_PORTS: Final = ("grpc", "http", "sql", "api")


def command(data_dir: Path, *flags: str) -> list[str]:
    """Return the command line of a processor on free ports."""
    named = {flag.partition("=")[0] for flag in flags}
    ports = [f"--{n}=127.0.0.1:0" for n in _PORTS if f"--{n}" not in named]
    return [BINARY, "serve", "--json", f"--data-dir={data_dir}", *ports, *flags]


class Served:
    """One processor; `with` ends it."""

    def __init__(self, data_dir: Path, *flags: str, **environment: str) -> None:
        self.data_dir = data_dir
        self._log = data_dir.parent / f"{data_dir.name}.log"
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                command(data_dir, *flags),
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **_ENVIRONMENT, **environment},
                text=True,
            )
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, self.log()
        self.addresses: dict[str, str] = json.loads(line)

    def log(self) -> str:
        """Return what it logged."""
        return self._log.read_text("utf-8")

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._child.pid

    def kill(self) -> None:
        """End it as a power cut would."""
        self._child.send_signal(signal.SIGKILL)
        self._child.wait()

    def terminate(self) -> tuple[int, float]:
        """End it in order; return its exit code and the seconds it took."""
        started = time.monotonic()
        self._child.terminate()
        code = self._child.wait(15)
        return code, time.monotonic() - started

    @functools.cached_property
    def client(self) -> Client:
        """Return one client of the SQL endpoint, for any thread."""
        host, _, port = self.addresses["sql"].rpartition(":")
        return clickhouse_connect.get_client(
            host=host, port=int(port), database="otel", autogenerate_session_id=False
        )

    def query(self, sql: str) -> Any:
        """Return the one value of *sql*."""
        return self.client.query(sql).first_row[0]

    def wait_for(self, sql: str, expected: object, seconds: float = 20) -> None:
        """Return once *sql* gives *expected*."""
        deadline = time.monotonic() + seconds
        while (found := self.query(sql)) != expected:
            assert time.monotonic() < deadline, f"{found} is not {expected}"
            time.sleep(0.1)

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._child.poll() is None:
            self.kill()


def export(address: str, body: bytes, signal_name: str = "trace") -> bytes:
    """Send one OTLP/gRPC request; raises grpc.RpcError."""
    services = {"trace": "Trace", "metrics": "Metrics", "logs": "Logs"}
    path = (
        f"/opentelemetry.proto.collector.{signal_name}.v1."
        f"{services[signal_name]}Service/Export"
    )
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options) as channel:
        return channel.unary_unary(path)(body, timeout=10)


def trace_request(*span_ids: int, start_ns: int | None = None) -> bytes:
    """Return a request with one span for each id, each a call of model `m`."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "ward"
    scope = resource.scope_spans.add()
    for number in span_ids:
        span = scope.spans.add(name="predict m", kind=1)
        span.trace_id = number.to_bytes(16, "big")
        span.span_id = number.to_bytes(8, "big")
        span.start_time_unix_nano = start_ns or time.time_ns()
        span.end_time_unix_nano = span.start_time_unix_nano + 1000
        span.attributes.add(key="medical_ai.model.name").value.string_value = "m"
        label = span.attributes.add(key="medical_ai.prediction.label").value
        label.string_value = "benign"
    return message.SerializeToString()
