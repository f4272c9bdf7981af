"""A processor in a process of its own, driven and measured from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import clickhouse_connect
import grpc
import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence

METHODS: Final = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
SENDERS: Final = 8
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process, all threads, from the system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mb(pid: int) -> float:
    """Return the most memory that was resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1000
    raise AssertionError("no VmHWM")


def settled(pid: int) -> float:
    """Return the process's CPU once it has been idle for a second: merges are done."""
    before = -1.0
    while (now := cpu_seconds(pid)) - before > 0.05:
        before = now
        time.sleep(1)
    return now


def send(address: str, bodies: Sequence[bytes], signal: str = "traces") -> float:
    """Send *bodies* from a closed loop of senders; return the seconds it took."""

    def sender(part: Sequence[bytes]) -> None:
        options = [
            ("grpc.max_send_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        with grpc.insecure_channel(address, options) as channel:
            export = channel.unary_unary(METHODS[signal])
            for body in part:
                export(body, timeout=60, wait_for_ready=True)

    started = time.monotonic()
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(sender, [bodies[n::SENDERS] for n in range(SENDERS)]))
    return time.monotonic() - started


class Running:
    """One processor; `with` ends it."""

    def __init__(self, *flags: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.data = Path(self._folder.name) / "data"
        binary = str(Path(sys.executable).parent / "algovigil")
        ports = [f"--{name}=127.0.0.1:0" for name in ("grpc", "http", "sql", "api")]
        self._child = subprocess.Popen(
            [binary, "serve", "--json", f"--data-dir={self.data}", *ports, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "ALGOVIGIL_PHI_KEY": "b" * 64},
            text=True,
        )
        assert self._child.stdout is not None
        self.addresses: dict[str, str] = json.loads(self._child.stdout.readline())
        self.pid = self._child.pid
        host, _, port = self.addresses["sql"].rpartition(":")
        self._client = clickhouse_connect.get_client(host=host, port=int(port))

    def query(self, sql: str) -> object:
        """Return the one value of *sql*."""
        return self._client.command(sql)

    def stages(self) -> dict[str, float]:
        """Return the CPU-seconds of its workers, by stage."""
        page = httpx.get(f"http://{self.addresses['api']}/metrics").text
        found = re.findall(r'line_cpu_seconds_total\{stage="(\w+)"\} (\S+)', page)
        return {stage: float(seconds) for stage, seconds in found}

    def wait_for(self, table: str, rows: int) -> None:
        """Return once *table* has *rows* rows."""
        while int(str(self.query(f"SELECT count() FROM otel.{table}"))) < rows:
            time.sleep(0.2)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._child.terminate()
        self._child.wait()
        self._folder.cleanup()
