"""Same facts in, same rows out, whoever sends them."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from algovigil_processor.demo.processes import free_port

from .conftest import NODE, PYTHON
from .facts import FACTS, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

    from integration.processor.served import Served

pytestmark = pytest.mark.foreign
HERE = Path(__file__).parent
FLAVOURS = ("grpc", "http-protobuf", "http-json")


def send(language: str, flavour: str, address: str, service: str, zipped: str) -> None:
    """Run a sender; it ends when everything was answered."""
    program = {"js": ["node", "send.js"], "python": [str(PYTHON), "send.py"]}[language]
    done = subprocess.run(
        [*program, flavour, address, service, zipped],
        cwd=HERE,
        env={
            **os.environ,
            "NODE_PATH": str(NODE),
            "PYTHONWARNINGS": "error::UserWarning",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def expect(client: Client, service: str) -> None:
    """Compare what is stored of *service* with the facts, once it is visible."""
    expected = {what: rows for what, (_, rows) in FACTS.items()}
    deadline = time.monotonic() + 15
    found: dict[str, list[tuple[Any, ...]]] = {}
    while found != expected and time.monotonic() < deadline:
        found = {what: read(client, what, service) for what in FACTS}
    assert expected == found


def address_for(served: Served, flavour: str) -> str:
    """Return the port of ours that speaks *flavour*."""
    return served.addresses["grpc" if flavour == "grpc" else "http"]


@pytest.mark.parametrize("zipped", ["none", "gzip"])
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("language", ["js", "python"])
def test_an_sdk_sends(
    served: Served, client: Client, language: str, flavour: str, zipped: str
) -> None:
    """Every flavour of the SDK's exporters leaves the same rows."""
    service = f"{language}-{flavour}-{zipped}"
    send(language, flavour, address_for(served, flavour), service, zipped)
    expect(client, service)


def documented(grpc: str, http: str, target: str, protocol: str) -> list[str]:
    """Return the arguments that docs/deploy.md gives rotel, with these addresses."""
    text = (HERE.parents[1] / "docs" / "deploy.md").read_text("utf-8")
    block = re.search(r"<!-- test: rotel -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert block is not None
    line = block[1].replace("\\\n", " ")
    for there, here in (
        ("127.0.0.1:4317", grpc),
        ("127.0.0.1:4318", http),
        ("http://processor:4317", target),
        ("--otlp-exporter-protocol=grpc", f"--otlp-exporter-protocol={protocol}"),
    ):
        assert there in line
        line = line.replace(there, here)
    program, *arguments = shlex.split(line)
    assert "rotel" == program
    return arguments


@contextlib.contextmanager
def rotel(target: str, protocol: str) -> Iterator[dict[str, str]]:
    """Run the Rust collector in front of *target*; yields where it listens."""
    (agent,) = PYTHON.parent.parent.glob("lib/*/site-packages/rotel/rotel-agent")
    grpc, http = (f"127.0.0.1:{free_port()}" for _ in range(2))
    libraries = f"{sysconfig.get_config_var('LIBDIR')}:/usr/lib/x86_64-linux-gnu"
    child = subprocess.Popen(
        [str(agent), *documented(grpc, http, target, protocol)],
        env={**os.environ, "LD_LIBRARY_PATH": libraries},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(grpc)
        yield {"grpc": grpc, "http-protobuf": http, "http-json": http}
    finally:
        child.terminate()
        child.wait(15)


def wait_for_port(address: str) -> None:
    """Return once something listens at *address*."""
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + 15
    while True:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port))):
            return
        assert time.monotonic() < deadline, f"nothing listens at {address}"
        time.sleep(0.05)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_collector_in_rust_forwards(
    served: Served, client: Client, protocol: str
) -> None:
    """By whatever transport rotel takes and forwards them, the rows are the same."""
    port = served.addresses[protocol]
    with rotel(f"http://{port}", protocol) as listening:
        # not JSON: what this rotel makes of a JSON counter is 0, of a histogram nothing
        for flavour in ("grpc", "http-protobuf"):
            service = f"rotel-{protocol}-{flavour}"
            send("python", flavour, listening[flavour], service, "none")
            expect(client, service)


def test_mca_sdk_sends(served: Served, client: Client) -> None:
    """The other SDK for medical AI is understood as far as it says something."""
    script = """
import sys
from mca_sdk import MCAClient

client = MCAClient(
    service_name="mca-readmission", model_id="mdl-1", model_version="1.0.0",
    team_name="clinical-ai", collector_endpoint=sys.argv[1],
)
with client.trace("model.predict"):
    client.record_prediction({"age": 61}, {"score": 0.8}, latency=0.15)
client.shutdown()
"""
    address = served.addresses["http"]
    done = subprocess.run(
        [str(PYTHON), "-c", script, f"http://{address}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    service = "WHERE ServiceName = 'mca-readmission'"
    served.wait_for(
        f"SELECT count() FROM otel_traces {service} AND SpanName = 'model.predict'", 1
    )
    served.wait_for(
        "SELECT sum(Value) FROM otel_metrics_sum "
        f"{service} AND MetricName = 'model.predictions_total'",
        1.0,
    )
    served.wait_for(
        "SELECT Sum FROM otel_metrics_histogram "
        f"{service} AND MetricName = 'model.latency_seconds'",
        0.15,
    )
