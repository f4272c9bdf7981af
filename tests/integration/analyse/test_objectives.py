"""Error budgets in a real store: what of each promise is left, and how fast it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.analyse.clinic import NOON, SECOND

if TYPE_CHECKING:
    from integration.analyse.clinic import Clinic

HOUR = 3600 * SECOND
SLA = {"sla": {"availability": 99, "latency_p95": 100, "period_days": 30}}


def put(clinic: Clinic, model: str, at_ns: int, failed: int, slow: int) -> None:
    """Put 100 calls of one moment, some failed, others slow."""
    clinic.predict(
        model,
        [at_ns - i for i in range(100)],
        duration_ms=[100.5 if i < slow else 100.0 for i in range(100)],
        error_type=["ValueError" if i < failed else "" for i in range(100)],
    )


def left(clinic: Clinic, model: str) -> dict[str, float | None]:
    """What was found of the promises, by metric."""
    found = clinic.metrics("service_metrics", model)
    return {
        name: row["value"]
        for name, row in found.items()
        if name.endswith(("_budget_remaining", "_burn_rate"))
    }


def test_budget_and_burn(clinic: Clinic) -> None:
    """Half a percent of failures leaves half of a budget of one percent."""
    put(clinic, "kept", NOON - 29 * 24 * HOUR, failed=1, slow=0)
    put(clinic, "kept", NOON - 1 * SECOND, failed=0, slow=20)
    clinic.analysis(**SLA).tick(NOON)
    assert {
        "availability_budget_remaining": pytest.approx(0.5),
        "availability_burn_rate": pytest.approx(0.0),
        "latency_p95_budget_remaining": pytest.approx(1 - 0.1 / 0.05),
        "latency_p95_burn_rate": pytest.approx(4.0),
    } == left(clinic, "kept")


def test_what_is_older_than_the_period_is_forgiven(clinic: Clinic) -> None:
    """Failures of before the period no longer count."""
    put(clinic, "old", NOON - 31 * 24 * HOUR, failed=100, slow=0)
    put(clinic, "old", NOON - 2 * HOUR, failed=0, slow=0)
    clinic.analysis(**SLA).tick(NOON)
    assert 1.0 == left(clinic, "old")["availability_budget_remaining"]
    assert left(clinic, "old")["availability_burn_rate"] is None


def test_hours_are_counted_once_and_late_calls_still_count(clinic: Clinic) -> None:
    """Ticks add up to what one look at the whole period finds."""
    analysis = clinic.analysis(**SLA)
    for hour in range(6):
        put(clinic, "steady", NOON + hour * HOUR - SECOND, failed=1, slow=0)
        analysis.tick(NOON + hour * HOUR)
    put(clinic, "steady", NOON + 5 * HOUR - 60 * SECOND, failed=100, slow=0)
    analysis.tick(NOON + 5 * HOUR + 60 * SECOND)
    spent = left(clinic, "steady")["availability_budget_remaining"]
    assert pytest.approx(1 - (106 / 700) / 0.01) == spent
    fresh = clinic.analysis(**SLA)
    fresh.tick(NOON + 5 * HOUR + 120 * SECOND)
    assert spent == left(clinic, "steady")["availability_budget_remaining"]


def test_no_promise_no_rows(clinic: Clinic) -> None:
    """Without `sla` nothing is measured against it."""
    put(clinic, "free", NOON - SECOND, failed=1, slow=1)
    clinic.analysis().tick(NOON)
    assert {} == left(clinic, "free")
