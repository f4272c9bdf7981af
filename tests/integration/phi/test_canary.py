"""The leak canary in a whole processor: silent when clean, a critical alert if not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from integration.processor.served import Served

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
phi: {{preset: {preset}, canary_seconds: 1}}
storage: {{own_metrics_seconds: 0.5}}
alerts: {{interval: 1}}
"""
CHECKS = (
    "SELECT max(Value) FROM otel_metrics_sum"
    " WHERE MetricName = 'algovigil.canary.checks' AND Attributes['result'] = '{}'"
)


@pytest.mark.parametrize(
    ("preset", "result", "alerts"),
    [
        ("pseudonymise", "clean", []),
        # the control: under it everything is kept
        ("observe_only", "leaked", [("Identifiers leaked", "critical")]),
    ],
)
def test_the_canary_alarms_when_it_is_found(
    tmp_path: Path, preset: str, result: str, alerts: list[tuple[str, str]]
) -> None:
    """Three passages of the whole system, and what the rule that ships made of them."""
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG.format(preset=preset))
    data = tmp_path / "data"
    with Served(data, f"--config={config}", ALGOVIGIL_PHI_CANARY_SECONDS="1") as served:
        served.wait_for(f"SELECT ({CHECKS.format(result)}) >= 3", 1)
        served.wait_for(
            "SELECT max(slot) > 3 FROM (SELECT count() AS slot FROM otel_metrics_gauge"
            " WHERE MetricName = 'algovigil.alert.last_slot_seconds')",
            1,
        )
        api = f"http://{served.addresses['api']}/api/v1/alerts"
        found = httpx.get(api).json()
    assert alerts == [(a["rule"], a["severity"]) for a in found]
