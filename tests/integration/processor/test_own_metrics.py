"""The processor's own counters are rows like any others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from algovigil.config import Phi
from algovigil.phi import Protector
from algovigil_processor.own_metrics import OwnMetrics
from algovigil_processor.redact import Redact
from algovigil_processor.store import Store
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KEY = "test-key-" + "0123456789abcdef" * 4
AT = 1_700_000_000_000_000_000


def test_each_sample_is_stored_with_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counters are cumulative sums, gauges gauges, and a later sample adds rows."""
    monkeypatch.setenv("ALGOVIGIL_PHI_KEY", KEY)
    telemetry = Telemetry()
    store = Store(tmp_path / "clickhouse", telemetry)
    redact = Redact(Protector.of(Phi()), telemetry)
    own = OwnMetrics(store, redact, telemetry, started_ns=AT, instance="a1")
    telemetry.count("redact.values", 3, **{"class": "MRN", "action": "hash"})
    telemetry.gauge("journal.bytes", 4096)
    own.tick(AT + 10**9)
    telemetry.count("redact.values", 4, **{"class": "MRN", "action": "hash"})
    own.tick(AT + 2 * 10**9)
    sums = store.query(
        "SELECT Value, Attributes['class'] AS class, Attributes['action'] AS action, "
        "IsMonotonic, AggregationTemporality AS kind FROM otel_metrics_sum "
        "WHERE ServiceName = 'algovigil-processor' "
        "AND MetricName = 'algovigil.redact.values' ORDER BY TimeUnix"
    ).to_pylist()
    expected = {"class": "MRN", "action": "hash", "IsMonotonic": True, "kind": 2}
    assert [{"Value": 3.0, **expected}, {"Value": 7.0, **expected}] == sums
    gauges = store.query(
        "SELECT Value FROM otel_metrics_gauge "
        "WHERE MetricName = 'algovigil.journal.bytes' ORDER BY TimeUnix"
    ).to_pylist()
    assert [{"Value": 4096.0}] * 2 == gauges
    store.close()
