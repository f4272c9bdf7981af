"""Bad input and faults end well: the right code, a clear message, nothing else hurt."""

from __future__ import annotations

import math
import os
import socket
import subprocess
from typing import TYPE_CHECKING

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from integration.processor.served import KEY, Served, command, export, trace_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("processor") / "data") as processor:
        yield processor


def refused(data_dir: Path, *flags: str, **environment: str) -> str:
    """Start a processor that must refuse; return its message."""
    done = subprocess.run(
        command(data_dir, *flags),
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "ALGOVIGIL_PHI_KEY": KEY, **environment},
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    message = done.stderr.strip().splitlines()[-1]
    assert "found: " in message
    assert "; expected: " in message
    return message


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """The address and the flag to change it are in the message, for each port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for name in ("grpc", "http", "sql", "api"):
            message = refused(tmp_path / "data", f"--{name}={address}")
            assert address in message
            assert f"--{name}" in message


def test_a_data_directory_in_use_is_named_with_its_owner(served: Served) -> None:
    """The second processor names the process that holds it; the first goes on."""
    data_dir = served.data_dir
    message = refused(data_dir)
    assert str(served.pid) in message
    assert "--data-dir" in message
    assert served.query("SELECT 1") == 1


def test_an_unknown_key_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    """A typing error in the file does not pass silently."""
    config = tmp_path / "c.yaml"
    config.write_text("drift_detection: {intervall: 60}\n")
    message = refused(tmp_path / "data", f"--config={config}")
    assert "unknown key `drift_detection.intervall`" in message
    assert "did you mean `interval`?" in message


@pytest.mark.parametrize(
    ("flag", "found"),
    [
        ("--config=missing.yaml", "missing.yaml"),
        ("--grpc=localhost", "localhost"),
        ("--sql=0.0.0.0:0", "ALGOVIGIL_TOKEN"),
        ("--data-dir=/proc/nowhere", "/proc/nowhere"),
    ],
)
def test_an_impossible_start_is_refused(tmp_path: Path, flag: str, found: str) -> None:
    """No file, no port, an open port without a token, no such directory."""
    assert found in refused(tmp_path / "data", flag)


def test_a_data_directory_that_the_engine_would_misread_is_refused(
    tmp_path: Path,
) -> None:
    """Past a question mark chDB reads settings: rows would lie elsewhere."""
    assert "a question mark" in refused(tmp_path / "which?")


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    """A key that can be guessed protects nobody; it is not printed either."""
    message = refused(tmp_path / "data", ALGOVIGIL_PHI_KEY="hunter2")
    assert "ALGOVIGIL_PHI_KEY" in message
    assert "hunter2" not in message


def test_malformed_otlp_is_refused_and_hurts_nobody(served: Served) -> None:
    """INVALID_ARGUMENT and 400, while a good neighbour in the same moment is stored."""
    with pytest.raises(grpc.RpcError) as refusal:
        export(served.addresses["grpc"], b"\xff\xff\xff\xff")
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    url = f"http://{served.addresses['http']}/v1/traces"
    kind = {"content-type": "application/x-protobuf"}
    assert httpx.post(url, content=b"\xff\xff", headers=kind).status_code == 400
    kind = {"content-type": "application/json"}
    assert httpx.post(url, content=b"{", headers=kind).status_code == 400
    export(served.addresses["grpc"], trace_request(77))
    served.wait_for(
        "SELECT count() FROM otel_traces WHERE SpanId = '000000000000004d'", 1
    )


def test_spans_with_invalid_ids_are_rejected_alone(served: Served) -> None:
    """Partial success counts exactly what was refused."""
    body = ExportTraceServiceRequest.FromString(trace_request(501, 502))
    body.resource_spans[0].scope_spans[0].spans.add(name="no ids")
    reply = export(served.addresses["grpc"], body.SerializeToString())
    response = ExportTraceServiceResponse.FromString(reply)
    assert response.partial_success.rejected_spans == 1
    served.wait_for(
        "SELECT count() FROM otel_traces WHERE SpanId IN "
        "('00000000000001f5', '00000000000001f6')",
        2,
    )


def test_wild_values_are_kept_or_refused_never_harmful(served: Served) -> None:
    """NaN, infinities, empty and huge values, and times at the ends of the calendar."""
    body = ExportTraceServiceRequest.FromString(trace_request(*range(601, 606)))
    spans = body.resource_spans[0].scope_spans[0].spans
    attributes = spans[0].attributes
    attributes.add(key="nan").value.double_value = math.nan
    attributes.add(key="inf").value.double_value = -math.inf
    attributes.add(key="big").value.int_value = -(2**63)
    attributes.add(key="").value.string_value = ""
    attributes.add(key="huge").value.string_value = "x" * 2_000_000
    spans[1].name = ""
    spans[1].start_time_unix_nano = 0
    spans[1].end_time_unix_nano = 0
    spans[2].start_time_unix_nano = 2**64 - 1
    spans[3].end_time_unix_nano = spans[3].start_time_unix_nano - 5
    reply = export(served.addresses["grpc"], body.SerializeToString())
    rejected = ExportTraceServiceResponse.FromString(reply).partial_success
    ids = ", ".join(f"'{number:016x}'" for number in range(601, 606))
    served.wait_for(
        f"SELECT count() FROM otel_traces WHERE SpanId IN ({ids})",
        5 - rejected.rejected_spans,
    )
    found = served.query(
        "SELECT (SpanAttributes['nan'], SpanAttributes['inf'], SpanAttributes['big'], "
        f"length(SpanAttributes['huge'])) FROM otel_traces WHERE SpanId = '{601:016x}'"
    )
    assert found == ("NaN", "-Infinity", str(-(2**63)), 2_000_000)


def test_a_body_over_the_limit_is_told_so(tmp_path: Path) -> None:
    """RESOURCE_EXHAUSTED without advice, 413; the limit is a setting."""
    config = tmp_path / "c.yaml"
    config.write_text("ingest: {max_body_bytes: 1000}\n")
    with Served(tmp_path / "data", f"--config={config}") as served:
        body = trace_request(*range(1, 100))
        with pytest.raises(grpc.RpcError) as refusal:
            export(served.addresses["grpc"], body)
        assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        reply = httpx.post(
            f"http://{served.addresses['http']}/v1/traces",
            content=body,
            headers={"content-type": "application/x-protobuf"},
        )
        assert reply.status_code == 413


def test_health_and_readiness_are_told(served: Served) -> None:
    """Alive, and ready with a word for each part."""
    api = f"http://{served.addresses['api']}"
    assert httpx.get(f"{api}/healthz").status_code == 200
    assert httpx.get(f"{api}/readyz").status_code == 200


def test_sigterm_drains_and_stops_in_time(tmp_path: Path) -> None:
    """What was acknowledged the moment before is in the tables after the stop."""
    with Served(tmp_path / "data") as served:
        export(served.addresses["grpc"], trace_request(1))
        code, seconds = served.terminate()
    assert code == 0
    assert seconds < 10
    assert list((tmp_path / "data" / "journal").glob("*.segment")) == []
