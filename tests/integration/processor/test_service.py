"""The clinical service answers as fast, and the same, whatever becomes of us."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from sklearn.datasets import load_breast_cancer

import algovigil_processor.demo
from algovigil_processor.demo.processes import free_port
from integration.processor.served import KEY, Served

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = Path(algovigil_processor.demo.__file__).parent / "service"
BIN = Path(sys.executable).parent
REQUESTS = 120


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Start the instrumented service; return its URL and the OTLP port it sends to."""
    port, otlp = free_port(), free_port()
    with (tmp_path / "service.log").open("wb") as log:
        child = subprocess.Popen(
            [
                str(BIN / "opentelemetry-instrument"),
                str(BIN / "uvicorn"),
                *("--app-dir", str(SERVICE), "--port", str(port), "main:app"),
            ],
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                "ALGOVIGIL_PHI_KEY": KEY,
                "OTEL_SERVICE_NAME": "clinic",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp}",
                "OTEL_BSP_SCHEDULE_DELAY": "200",
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
        )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert child.poll() is None, (tmp_path / "service.log").read_text()
        try:
            httpx.get(f"{url}/ready")
            break
        except httpx.TransportError:
            time.sleep(0.1)
    try:
        yield url, otlp
    finally:
        started = time.monotonic()
        child.terminate()
        child.wait(20)
        stopped_in = time.monotonic() - started
    # uvicorn's own stop and ours, with a processor that never answers
    assert stopped_in < 8


def ask(client: httpx.Client) -> tuple[float, list[object]]:
    """Score patients; return the median seconds of a request, and the answers."""
    data = load_breast_cancer()
    names = [str(name) for name in data.feature_names]
    seconds, answers = [], []
    for row in data.data[:REQUESTS]:
        body = {
            "name": "Ann Lee",
            "mrn": "12345678",
            "phone": "555-0100",
            "birth_date": "1950-01-01",
            "features": dict(zip(names, row.tolist(), strict=True)),
        }
        started = time.perf_counter()
        reply = client.post("/score", json=body)
        seconds.append(time.perf_counter() - started)
        answers.append((reply.status_code, reply.json()))
    return statistics.median(seconds), answers


def test_the_service_does_not_notice_our_faults(
    service: tuple[str, int], tmp_path: Path
) -> None:
    """Up, killed, then a listener that never answers: same answers, same pace.

    The pace may differ by what a shared machine does: three times the median is the
    bound, where waiting for us even once would be a hundred times.
    """
    url, otlp = service
    with httpx.Client(base_url=url, timeout=30) as client:
        with Served(tmp_path / "data", f"--grpc=127.0.0.1:{otlp}") as served:
            ask(client)
            up, answers = ask(client)
            served.wait_for("SELECT count() >= 120 FROM inferences", 1)
            served.kill()
        killed, answers_killed = ask(client)
        with socket.create_server(("127.0.0.1", otlp), backlog=64):
            hanging, answers_hanging = ask(client)
    assert answers == answers_killed == answers_hanging
    assert all(status == 200 for status, _ in answers)
    assert killed < 3 * up
    assert hanging < 3 * up
