"""Many rules, many instances: few queries, and work that grows with instances."""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from algovigil.config import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integration.alert.ward import Ward


def count_queries(ward: Ward) -> list[str]:
    """Return the list that each statement from now on is added to."""
    asked: list[str] = []
    query = ward.store.query

    def counted(sql: str, parameters: Mapping[str, object] | None = None) -> object:
        asked.append(sql)
        return query(sql, parameters)

    ward.store.query = counted  # type: ignore[method-assign,assignment]
    return asked


def test_a_tick_of_a_thousand_rules_asks_a_handful_of_times(ward: Ward) -> None:
    """A tick asks by source, window and cut: a thousand rules take eight queries."""
    rules = [
        Rule(
            f"rule {i}",
            f'error_rate{{model="m{i}"}} > {i % 99 + 1}% or psi > {i}'
            f" or burn_rate(latency_p95 over 5m, {i + 1}ms) > 14.4"
            f" or error_rate by site > {i % 99 + 1}% or ppv < 0.{i + 1:03}"
            f" or cpu_percent > {i % 90}",
        )
        for i in range(1000)
    ]
    alerting = ward.open(*rules)
    ward.calls(site="north")
    asked = count_queries(ward)
    alerting.tick(ward.now_ns)
    assert 8 == len(asked)
    assert 1000 == ward.telemetry.gauges()["alert.rules"]


def storm(ward: Ward, instances: int, *, traced: bool = False) -> float:
    """Let *instances* begin to fire in one tick; return its CPU seconds, or its MB."""
    ward.close()
    ward.data_dir = ward.data_dir / "next"
    ward.data_dir.mkdir()
    ward.later(60)
    ward.calls_like(
        [
            {"error_type": "E", "model_name": f"m{i % 100}", "site": f"s{i // 100}"}
            for i in range(instances)
        ]
    )
    alerting = ward.open(Rule("Down", "error_rate by site > 5%", min_samples=1))
    if traced:
        tracemalloc.start()
    begun = time.process_time()
    alerting.tick(ward.now_ns)
    used = time.process_time() - begun
    if traced:
        used = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    assert instances == sum(s.phase == "firing" for s in alerting.active())
    return used


@pytest.mark.soak
def test_ten_thousand_instances_in_one_tick(ward: Ward) -> None:
    """Time and memory of a storm grow with its instances and no faster."""
    assert storm(ward, 10_000) < 20 * storm(ward, 1000)
    megabytes = storm(ward, 10_000, traced=True)
    assert megabytes < 20 * storm(ward, 1000, traced=True)
    assert megabytes < 300
