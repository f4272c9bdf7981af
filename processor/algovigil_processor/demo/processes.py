"""The demo's processes: a processor and an instrumented service, each on its own.

They are started as a user would start them, write their output to files of the demo's
folder, and are ended by the process that started them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

from algovigil.errors import explain
from algovigil_processor.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 12.0
_BIN: Final = Path(sys.executable).parent


class Process:
    """One child; `with` ends it."""

    def __init__(
        self, name: str, command: list[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.name: Final = name
        self._log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(  # noqa: S603 - our own programs
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )

    def output(self) -> str:
        """Return what it wrote so far."""
        return self._log.read_text("utf-8", "replace")

    def check(self) -> None:
        """Raise StartError when it ended by itself."""
        if self._child.poll() is not None:
            lines = self.output().strip().splitlines()[-3:]
            raise StartError(
                explain(
                    f"the {self.name} ended with code {self._child.returncode}",
                    "a running process",
                    "its last lines: " + " | ".join(lines),
                )
            )

    def ends_well(self, seconds: float) -> bool:
        """Wait for a program that ends by itself; return whether it did, with 0."""
        with self:
            try:
                return self._child.wait(seconds) == 0
            except subprocess.TimeoutExpired:
                return False

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def wait_for_addresses(self) -> dict[str, str]:
        """Return the addresses that a processor printed once it was ready."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self.check()
            for line in self.output().splitlines():
                if line.startswith('{"ready"'):
                    return {k: str(v) for k, v in json.loads(line).items()}
            time.sleep(0.05)
        raise StartError(f"the {self.name} was not ready in {_START_SECONDS:.0f} s")

    def wait_for_http(self, url: str) -> None:
        """Return once *url* answers."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self.check()
            try:
                urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - our own loopback URL
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
            else:
                return
        raise StartError(f"the {self.name} was not ready in {_START_SECONDS:.0f} s")


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def processor(folder: Path, config: Path, *, otlp: str, key: str) -> Process:
    """Start `algovigil serve` with gRPC on *otlp*, its other ports any free ones."""
    flags = [f"--{name}=127.0.0.1:0" for name in ("http", "sql", "api")]
    flags.append(f"--grpc={otlp}")
    command = [str(_BIN / "algovigil"), "serve", "--json", "--config", str(config)]
    command += ["--data-dir", str(folder / "data"), *flags]
    log = folder / "logs" / "processor.log"
    return Process("processor", command, log, {"ALGOVIGIL_PHI_KEY": key})


def service(
    folder: Path, *, otlp: str, key: str, preset: str, name: str
) -> tuple[Process, str]:
    """Start the scoring service under `opentelemetry-instrument`; return its URL."""
    port = free_port()
    command = [str(_BIN / "opentelemetry-instrument"), str(_BIN / "uvicorn")]
    command += ["--app-dir", str(Path(__file__).parent / "service")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    environment = _instrumented(otlp, key, preset, name)
    # the hospital's own output is no part of what is kept by us
    log = folder.parent / "hospital" / f"{folder.name}-service.log"
    return (
        Process("service", [*command, "main:app"], log, environment),
        f"http://127.0.0.1:{port}",
    )


def nightly(folder: Path, *, otlp: str, key: str, config: Path, mix: str) -> Process:
    """Start a night's batch of *mix* under `opentelemetry-instrument`."""
    script = str(Path(__file__).parent / "service" / "nightly.py")
    command = [str(_BIN / "opentelemetry-instrument"), sys.executable, script]
    log = folder.parent / "hospital" / f"{folder.name}-nightly-{mix}.log"
    environment = _instrumented(otlp, key, "pseudonymise", "diabetes-clinic")
    return Process("nightly batch", [*command, str(config), mix], log, environment)


def _instrumented(otlp: str, key: str, preset: str, name: str) -> dict[str, str]:
    return {
        "OTEL_SERVICE_NAME": name,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{otlp}",
        "OTEL_EXPORTER_OTLP_INSECURE": "true",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "OTEL_BLRP_SCHEDULE_DELAY": "500",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": "x-patient,baggage",
        "ALGOVIGIL_PHI_KEY": key,
        "ALGOVIGIL_PHI_PRESET": preset,
        # two processes share two cores with a database: one thread each is faster
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
