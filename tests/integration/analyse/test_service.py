"""Service levels in a real store: what was measured, and what was not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.analyse.clinic import NOON, SECOND

if TYPE_CHECKING:
    from integration.analyse.clinic import Clinic

WINDOW = {"alerts": {"window": 100}}


def seconds_ago(count: int) -> list[int]:
    return [NOON - i * SECOND // 4 for i in range(count)]


def test_levels_of_a_window(clinic: Clinic) -> None:
    """Percentiles, rates and counts are those of the calls in the window."""
    clinic.predict(
        "triage",
        seconds_ago(200),
        duration_ms=[float(i + 1) for i in range(200)],
        error_type=["ValueError" if i < 10 else "" for i in range(200)],
    )
    clinic.analysis(**WINDOW).tick(NOON)
    found = clinic.metrics("service_metrics", "triage")
    assert found["latency_p50"]["value"] == pytest.approx(100.5, abs=1)
    assert found["latency_p95"]["value"] == pytest.approx(190.5, abs=1)
    assert found["latency_p99"]["value"] == pytest.approx(198.5, abs=1)
    assert found["error_rate"]["value"] == pytest.approx(0.05)
    assert found["availability"]["value"] == pytest.approx(0.95)
    assert found["throughput"]["value"] == pytest.approx(2.0)
    assert found["request_count"]["value"] == 200
    assert {"ok"} == {row["status"] for row in found.values()}
    assert {200} == {row["samples"] for row in found.values()}


def test_a_call_of_many_rows_is_one_call(clinic: Clinic) -> None:
    """Row 0 stands for the call, so a batch of 20 patients counts once."""
    clinic.predict("batch", [NOON] * 20, row=list(range(20)))
    clinic.analysis(**WINDOW).tick(NOON)
    assert clinic.metrics("service_metrics", "batch")["request_count"]["value"] == 1


def test_silence_is_no_data(clinic: Clinic) -> None:
    """A version that stops being called has no latency and no error rate at all."""
    clinic.predict("quiet", seconds_ago(40))
    analysis = clinic.analysis(**WINDOW)
    analysis.tick(NOON)
    analysis.tick(NOON + 500 * SECOND)
    found = clinic.metrics("service_metrics", "quiet")
    assert {"no_data"} == {row["status"] for row in found.values()}
    assert {0} == {row["samples"] for row in found.values()}
    unmeasured = ("latency_p50", "latency_p99", "error_rate", "availability")
    assert [None] * 4 == [found[metric]["value"] for metric in unmeasured]
    assert found["request_count"]["value"] == 0


def test_silence_is_seen_after_a_restart(clinic: Clinic) -> None:
    """A new analysis learns from the store which versions used to be called."""
    clinic.predict("quiet", seconds_ago(40))
    clinic.analysis(**WINDOW).tick(NOON + 500 * SECOND)
    found = clinic.metrics("service_metrics", "quiet")
    assert found["latency_p95"]["status"] == "no_data"


def test_a_retired_version_is_forgotten(clinic: Clinic) -> None:
    """After a day of silence a version is reported no more."""
    clinic.predict("old", seconds_ago(40))
    analysis = clinic.analysis(**WINDOW)
    analysis.tick(NOON)
    before = len(clinic.rows("SELECT * FROM service_metrics"))
    analysis.tick(NOON + 90_000 * SECOND)
    assert before == len(clinic.rows("SELECT * FROM service_metrics"))


def test_rows_from_the_future_do_not_count(clinic: Clinic) -> None:
    """A sender whose clock runs ahead changes nothing before its time."""
    clinic.predict("ahead", [NOON + SECOND] * 50)
    clinic.analysis(**WINDOW).tick(NOON)
    assert [] == clinic.rows("SELECT * FROM service_metrics")


def test_wild_durations_are_left_out(clinic: Clinic) -> None:
    """NaN and infinite durations give no percentile, and never NaN."""
    clinic.predict("wild", seconds_ago(2), duration_ms=[float("nan"), float("inf")])
    clinic.analysis(**WINDOW).tick(NOON)
    found = clinic.metrics("service_metrics", "wild")
    assert (None, "no_data") == (
        found["latency_p95"]["value"],
        found["latency_p95"]["status"],
    )
    assert found["request_count"]["value"] == 2
