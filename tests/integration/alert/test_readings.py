"""Readings from real tables: the newest, young enough, sufficient; else unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from algovigil_processor.alert.evaluate.logic import Reading
from algovigil_processor.alert.evaluate.readings import ReadingReader, Subject

if TYPE_CHECKING:
    from integration.alert.ward import Ward

SOURCES = ("service", "clinical", "drift")
WDBC = Subject("wdbc", "1")


def read(ward: Ward, subject: Subject = WDBC) -> dict[str, Reading]:
    """Read all sources with a window of 300 s and 20 samples at least."""
    reader = ReadingReader(ward.store, dict.fromkeys(SOURCES, 300.0), 20)
    return dict(reader.read(ward.now_ns, SOURCES).of(subject))


def test_the_newest_counts(ward: Ward) -> None:
    """A later row of a metric replaces an earlier one, and only of that metric."""
    ward.service(latency_p95=100.0, error_rate=0.5)
    ward.later(10)
    ward.service(latency_p95=200.0)
    assert read(ward) == {"latency_p95": Reading(200.0), "error_rate": Reading(0.5)}


def test_stale_and_future_rows_are_missing(ward: Ward) -> None:
    """What is older than the window, or not yet due, is not there."""
    ward.service(latency_p95=100.0)
    ward.later(299)
    assert read(ward) == {"latency_p95": Reading(100.0)}
    ward.later(1)
    assert read(ward) == {}
    ward.later(-301)
    assert read(ward) == {}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"value": 9.0, "status": "insufficient_data"}, "insufficient_data"),
        ({"value": 9.0, "status": "no_data"}, "insufficient_data"),
        ({"value": None}, "not_a_number"),
        ({"value": float("nan")}, "not_a_number"),
        ({"value": float("inf")}, "not_a_number"),
        ({"value": 9.0, "samples": 19}, "low_n"),
    ],
)
def test_newest_row_without_a_number_hides_older_ones(
    ward: Ward, row: dict[str, Any], reason: str
) -> None:
    """An older number never stands in for a newer absence of one."""
    ward.service(latency_p95=100.0)
    ward.later(15)
    ward.put("service_metrics", {"metric": "latency_p95", "samples": 100} | row)
    assert read(ward) == {"latency_p95": Reading(None, reason)}


def test_counts_need_no_samples(ward: Ward) -> None:
    """How many calls there were is known however few they were."""
    rows = ("request_count", 3.0), ("throughput", 0.01), ("error_rate", 0.3)
    ward.put(
        "service_metrics",
        *({"metric": metric, "value": value, "samples": 3} for metric, value in rows),
    )
    assert read(ward) == {
        "request_count": Reading(3.0),
        "throughput": Reading(0.01),
        "error_rate": Reading(None, "low_n"),
    }


def test_clinical(ward: Ward) -> None:
    """Clinical metrics are judged by their own status."""
    ward.put(
        "clinical_metrics",
        {"metric": "sensitivity", "value": 0.9, "denominator": 40},
        {"metric": "ppv", "value": 0.9, "status": "insufficient_data"},
        {"metric": "of_another_release", "value": 1.0},
    )
    assert read(ward) == {
        "sensitivity": Reading(0.9),
        "ppv": Reading(None, "insufficient_data"),
    }


def finding(feature: str, method: str, **more: Any) -> dict[str, Any]:
    """A row of `drift_findings`."""
    return {"feature": feature, "method": method} | more


def test_drift(ward: Ward) -> None:
    """drift_score is the verdict, psi the largest, ks_p_value the smallest."""
    ward.put("drift_findings", finding("a", "psi", statistic=5.0, status="drift"))
    ward.later(60)
    ward.put(
        "drift_findings",
        finding("", "model", statistic=0.25, status="drift"),
        finding("a", "psi", statistic=0.1),
        finding("b", "psi", statistic=0.4, status="drift"),
        finding("c", "psi", statistic=9.0, status="insufficient_data"),
        finding("d", "psi", statistic=float("nan")),
        finding("a", "ks_test", statistic=0.5, p_adjusted=0.03, status="drift"),
        finding("b", "ks_test", statistic=0.1, p_adjusted=0.7),
        finding("c", "ks_test", p_adjusted=None),
        finding("e", "chi_square", statistic=99.0, p_adjusted=1e-9),
    )
    assert read(ward) == {
        "drift_score": Reading(0.25),
        "psi": Reading(0.4),
        "ks_p_value": Reading(0.03),
    }


def test_drift_that_could_not_be_judged(ward: Ward) -> None:
    """A run without one judged feature is insufficient, not zero."""
    ward.put(
        "drift_findings",
        finding("", "model", status="insufficient_data"),
        finding("a", "psi", status="insufficient_data"),
        finding("a", "ks_test"),
    )
    assert read(ward) == {
        "drift_score": Reading(None, "insufficient_data"),
        "psi": Reading(None, "insufficient_data"),
        "ks_p_value": Reading(None, "not_a_number"),
    }


def test_versions_are_told_apart(ward: Ward) -> None:
    """Two versions of a model, and names that look like SQL, stay themselves."""
    hostile = "x' OR 1=1 -- {a:String}"
    for name, version, value in (
        ("wdbc", "1", 1.0),
        ("wdbc", "2", 2.0),
        (hostile, "1", 3.0),
    ):
        ward.put(
            "service_metrics",
            {
                "metric": "latency_p95",
                "value": value,
                "samples": 99,
                "model_name": name,
                "model_version": version,
            },
        )
    for subject, value in ((WDBC, 1.0), (("wdbc", "2"), 2.0), ((hostile, "1"), 3.0)):
        assert read(ward, Subject(*subject)) == {"latency_p95": Reading(value)}


def test_a_source_that_is_away_is_an_error_of_its_own(ward: Ward) -> None:
    """A query that fails makes its metrics unknown, and leaves other sources alone."""
    ward.service(latency_p95=100.0)
    ward.put("clinical_metrics", {"metric": "ppv", "value": 0.5})
    ward.store.away_for = ("clinical_metrics",)
    found = read(ward)
    assert found["latency_p95"] == Reading(100.0)
    assert found["ppv"] == Reading(None, "query_error")
