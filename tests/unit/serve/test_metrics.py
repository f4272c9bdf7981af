"""Self-metrics as Prometheus reads them."""

from __future__ import annotations

from algovigil_processor.serve.metrics import render
from algovigil_processor.telemetry import Telemetry


def test_counters_and_gauges_in_text_format() -> None:
    """One TYPE line per metric, `_total` on counters, labels escaped."""
    telemetry = Telemetry()
    telemetry.count("receive.requests", 2, signal="traces", code="200")
    telemetry.count("receive.requests", 1, signal="logs", code="200")
    telemetry.count("journal.groups", 12_345_678)
    telemetry.count("store.rows", 1, table='a"b\\c\n')
    telemetry.gauge("journal.bytes", 0.25)
    expected = r"""# TYPE algovigil_build_info gauge
algovigil_build_info{version="1.2"} 1
# TYPE algovigil_journal_groups_total counter
algovigil_journal_groups_total 12345678
# TYPE algovigil_receive_requests_total counter
algovigil_receive_requests_total{code="200",signal="logs"} 1
algovigil_receive_requests_total{code="200",signal="traces"} 2
# TYPE algovigil_store_rows_total counter
algovigil_store_rows_total{table="a\"b\\c\n"} 1
# TYPE algovigil_journal_bytes gauge
algovigil_journal_bytes 0.25
"""
    assert expected == render(telemetry, "1.2")
