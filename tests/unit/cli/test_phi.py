"""`algovigil phi`: explain, report, diff."""

from __future__ import annotations

import http.server
import io
import json
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from algovigil import cli
from algovigil_processor.serve.metrics import render
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    import pytest


def ran(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = cli.main(["phi", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_explain_names_the_rule_and_what_becomes_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By key, by text, and why a value stays."""
    _, (note, found) = ran(
        capsys, "explain", "--key", "patient.name", "--text", "Jane Roe"
    )
    assert ("NAME", "key", "[NAME]") == (note["class"], found["rule"], found["becomes"])
    _, (_, found) = ran(capsys, "explain", "--text", "ssn 219-09-9999")
    assert ("ssn", 4, 15) == (found["rule"], found["from"], found["to"])
    _, (_, kept) = ran(capsys, "explain", "--text", "retry 3/5 in 20 ms")
    assert "no rule fits" == kept["kept"]


def test_diff_counts_what_another_preset_changes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By class, without a value."""
    monkeypatch.setenv("ALGOVIGIL_PHI_KEY", "k" * 40)
    line = b'{"id": 1, "key": "mrn", "text": "4711081"}\n{"id": 2}\n'
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(line)))
    _, rows = ran(capsys, "diff", "--to", "safe_harbor")
    assert {"times": 1, "class": "MRN", "before": "pseudonym", "after": "drop"} in rows
    assert "4711081" not in json.dumps(rows)


def test_report_prints_the_counters_of_the_processor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By class, action, rule and column, as the metrics page has them."""
    telemetry = Telemetry()
    labels = {"class": "SSN", "action": "redact", "rule": "ssn", "field": "Body"}
    telemetry.count("redact.values", 3, **labels)
    telemetry.count("redact.services", 2, service="ward")

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = render(telemetry, "0").encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        _, rows = ran(
            capsys, "report", "--api", f"http://127.0.0.1:{server.server_port}"
        )
    finally:
        server.shutdown()
    assert [{"times": 3, **labels}, {"times": 2, "service": "ward"}] == rows


def test_report_without_a_processor_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Found, expected, hint."""
    assert 1 == cli.main(["phi", "report", "--api", "http://127.0.0.1:1"])
    assert "expected: a running processor" in capsys.readouterr().err
