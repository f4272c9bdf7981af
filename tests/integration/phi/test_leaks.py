"""Nothing of a patient leaves the whole running system, whatever fails in it.

A made-up patient is in every text field of every kind of message, over gRPC, HTTP and
JSON, at log level DEBUG; each stage is made to fail in turn with errors that quote the
data. The control is the same traffic under `observe_only`: it must be found.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from tests.phi.planted import PATIENTS, planted, request

from algovigil_processor.compliance.leaks import Hit, forms, scan_files, scan_store
from integration.processor.served import BINARY, Served, export

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SIGNALS = ("trace", "logs", "metrics")
CANARIES = [c for way, who in PATIENTS.items() for c in who.canaries(way)]
URLS = {"trace": "traces", "logs": "logs", "metrics": "metrics"}


class Faulty(Served):
    """A processor of which the stage *fault* fails."""

    def __init__(
        self, data_dir: Path, fault: str = "", *flags: str, **env: str
    ) -> None:
        paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
        super().__init__(
            data_dir, "--debug", *flags, FAULT=fault, PYTHONPATH=paths, **env
        )

    def said(self) -> str:
        """Return all that it answers about itself: self-metrics and readiness."""
        api = f"http://{self.addresses['api']}"
        pages = (httpx.get(api + p).text for p in ("/metrics", "/readyz", "/healthz"))
        return "\n".join(pages)


def as_json(signal: str, seed: int) -> bytes:
    """Return the request in OTLP/JSON, whose ids are hex."""
    sent = request(signal, seed, PATIENTS["json"])
    message = MessageToDict(sent, use_integers_for_enums=True)
    return json.dumps(_hex_ids(message)).encode()


def _hex_ids(value: Any) -> Any:
    import base64

    if isinstance(value, list):
        return [_hex_ids(v) for v in value]
    if not isinstance(value, dict):
        return value
    return {
        k: base64.b64decode(v).hex()
        if k in ("traceId", "spanId", "parentSpanId")
        else _hex_ids(v)
        for k, v in value.items()
    }


def send(served: Served, seed: int) -> tuple[list[str], list[int], str]:
    """Send each signal by each transport; return codes and all that was answered."""
    codes, statuses, said = [], [], []
    for i, signal in enumerate(SIGNALS):
        try:
            said.append(
                repr(
                    export(served.addresses["grpc"], planted(signal, seed + i), signal)
                )
            )
            codes.append("OK")
        except grpc.RpcError as error:
            codes.append(error.code().name)
            said.append(f"{error.details()} {error.trailing_metadata()}")
        for kind, body in (
            (
                "application/x-protobuf",
                planted(signal, seed + i + 3, PATIENTS["protobuf"]),
            ),
            ("application/json", as_json(signal, seed + i + 6)),
            ("application/json", b'{"resourceSpans": "' + planted(signal, seed)[:400]),
        ):
            answer = httpx.post(
                f"http://{served.addresses['http']}/v1/{URLS[signal]}",
                content=body,
                headers={"content-type": kind},
            )
            statuses.append(answer.status_code)
            said.append(f"{answer.text} {answer.headers}")
    return codes, statuses, "\n".join(said)


def met(text: str) -> set[str]:
    """Return the kinds of canary in *text*."""
    raw = text.lower().encode()
    return {c.kind for c in CANARIES if any(n in raw for n in forms(c.value))}


def kept(served: Served) -> list[Hit]:
    """Return every canary in the tables, and in the files that are not compressed."""
    hits = scan_store(lambda sql: served.client.query_arrow(sql), CANARIES)
    return [*hits, *scan_files(served.data_dir, CANARIES, exclude=("clickhouse",))]


@pytest.fixture(scope="module", autouse=True)
def binary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let `Served` start the script that can fail in place of the command."""
    from integration.processor import served

    script = tmp_path_factory.mktemp("bin") / "algovigil"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / "faulty.py"} "$@"\n')
    script.chmod(0o755)
    served.BINARY = str(script)
    yield
    served.BINARY = BINARY


# what a sender is told, and what is counted, when a stage fails
FAULTS = {
    "": ("OK", 200, ()),
    "decode": ("INVALID_ARGUMENT", 400, ("algovigil_decode_rejected",)),
    "redact": ("OK", 200, ("algovigil_redact_errors",)),
    "stage": ("INVALID_ARGUMENT", 400, ("algovigil_decode_rejected",)),
    "derive": ("INVALID_ARGUMENT", 400, ("algovigil_decode_rejected",)),
    "journal": ("INVALID_ARGUMENT", 400, ("algovigil_decode_rejected",)),
    "store": ("OK", 200, ("algovigil_store_retries",)),
}


# the faults that end alike are the longer run's
LONGER = {"decode", "stage", "derive", "store"}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(f, marks=[pytest.mark.soak] if f in LONGER else [], id=f or "none")
        for f in FAULTS
    ],
)
def test_nothing_leaks_whatever_fails(tmp_path: Path, fault: str) -> None:
    """Tables, files, log, answers and self-metrics hold no canary in any form."""
    code, status, counted = FAULTS[fault]
    with Faulty(tmp_path / "data", fault) as served:
        codes, statuses, answers = send(served, 10)
        if status == 200:
            served.wait_for("SELECT count() > 0 FROM otel_traces", True)
            served.wait_for("SELECT count() > 0 FROM otel_logs", True)
        hits = kept(served)
        pages = served.said()
        served.terminate()
        left = scan_files(served.data_dir, CANARIES, exclude=("clickhouse",))
        log = served.log()
    assert [] == hits + left
    assert set() == met(answers)
    assert set() == met(log)
    assert set() == met(pages)
    assert [code] * 3 == codes
    assert [status, status, 400] * 3 == statuses
    assert [] == [name for name in counted if name not in pages]


# columns that hold no text of a sender: ids of fixed size, enumerations, our own words
OURS = {
    *("TraceId", "SpanId", "ParentSpanId", "trace_id", "span_id", "reference_id"),
    *("Exemplars.TraceId", "Exemplars.SpanId", "Links.TraceId", "Links.SpanId"),
    *("SpanKind", "StatusCode", "AggregationTemporality", "operation", "outcome_id"),
    *("policy", "PhiPolicy"),
}
OUR_TABLES = {"schema_migrations", "ingest_requests"}


def columns(served: Served) -> set[str]:
    """Return every `table.column` that can hold a text of a sender, and has a row."""
    rows = served.client.query(
        "SELECT table, name FROM system.columns WHERE database = 'otel'"
        " AND type LIKE '%String%' AND table IN (SELECT name FROM system.tables"
        " WHERE database = 'otel' AND total_rows > 0)"
    ).result_rows
    return {
        f"{table}.{name}"
        for table, name in rows
        if name not in OURS and table not in OUR_TABLES
    }


def test_the_check_can_fail(tmp_path: Path) -> None:
    """Under `observe_only` every canary of every way in is found in every column."""
    config = tmp_path / "c.yaml"
    config.write_text("phi: {preset: observe_only}\n")
    with Faulty(tmp_path / "data", "", f"--config={config}") as served:
        send(served, 10)
        for table in ("otel_logs", "otel_metrics_summary", "inferences", "outcomes"):
            served.wait_for(f"SELECT count() >= 3 FROM {table}", True)
        carriers = columns(served)
        hits = kept(served)
    kinds = {canary.kind for canary in CANARIES}
    found = {(hit.kind, hit.carrier) for hit in hits}
    assert len(kinds) == 3 * 5
    assert len(carriers) > 100
    assert set(itertools.product(kinds, carriers)) - found == set()
