"""Readings from real tables: measured over any window, or the newest sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from algovigil_processor.alert.evaluate.reader import Reader
from algovigil_processor.alert.evaluate.readings import Reading, Readings, Subject
from algovigil_processor.alert.rules.check import checked
from algovigil_processor.alert.rules.grammar import parse
from algovigil_processor.alert.rules.needs import Need, needs

if TYPE_CHECKING:
    from integration.alert.ward import Ward

SOURCES = ("calls", "resources", "clinical", "drift")
WDBC = Subject("wdbc", "1")


def all_of(ward: Ward, *wanted: Need) -> Readings:
    """Read *wanted* as far back as 300 s by themselves."""
    return Reader(ward.store, dict.fromkeys(SOURCES, 300.0)).read(ward.now_ns, wanted)


def value(ward: Ward, term: str, subject: Subject = WDBC) -> Reading:
    """Return what the one need of *term* came to, with 20 samples at least."""
    (need,) = needs(checked(parse(f"{term} > 0")))
    return all_of(ward, need).get(need, subject, 20)


def read(ward: Ward, *names: str, subject: Subject = WDBC) -> dict[str, Reading]:
    """Read metrics by name; those that are missing are left out."""
    found = all_of(ward, *map(Need, names))
    got = {name: found.get(Need(name), subject, 20) for name in names}
    return {name: r for name, r in got.items() if r.reason != "missing"}


def test_calls_are_measured_over_the_window(ward: Ward) -> None:
    """Latency, errors and counts are those of the calls in the window, no others."""
    ward.calls(50, errors=10)
    ward.later(100)
    ward.slow(300.0, 50)
    assert {
        "latency_p95": Reading(300.0, samples=100),
        "error_rate": Reading(0.1, samples=100),
        "availability": Reading(0.9, samples=100),
        "request_count": Reading(100.0),
        "throughput": Reading(100 / 300),
    } == read(
        ward,
        "latency_p95",
        "error_rate",
        "availability",
        "request_count",
        "throughput",
    )
    assert Reading(0.0, samples=50) == value(ward, "error_rate over 99s")
    assert Reading(0.2, samples=50) == value(ward, "error_rate over 99s offset 90s")


def test_calls_before_and_after_the_window_are_missing(ward: Ward) -> None:
    """What is older than the window, or dated after it, is not there."""
    ward.calls()
    ward.later(299)
    assert "error_rate" in read(ward, "error_rate")
    ward.later(1)
    assert {} == read(ward, "error_rate")
    ward.later(-301)
    assert {} == read(ward, "error_rate")


def test_few_calls(ward: Ward) -> None:
    """A ratio of few calls is void; how many calls there were is known."""
    ward.calls(3, errors=1)
    assert {
        "error_rate": Reading(None, "low_n", 3),
        "request_count": Reading(3.0),
    } == read(ward, "error_rate", "request_count")


def test_durations_that_nobody_measured(ward: Ward) -> None:
    """Calls without a duration are no fast calls: their latency is no number."""
    ward.slow(float("nan"))
    assert {
        "latency_p95": Reading(None, "not_a_number"),
        "error_rate": Reading(0.0, samples=100),
    } == read(ward, "latency_p95", "error_rate")


def test_slow_share(ward: Ward) -> None:
    """A burn rate of a latency reads the share of calls that took longer."""
    ward.slow(100.0, 75)
    ward.slow(2000.5, 25)
    ward.slow(float("nan"), 900)
    term = "burn_rate(latency_p95 over 5m, 2s)"
    assert Reading(0.25, samples=100) == value(ward, term)


def test_sites_and_subgroups(ward: Ward) -> None:
    """Each site and each subgroup has calls of its own; the whole has all of them."""
    ward.calls(100, errors=5, site="north", subgroup={"sex": "F", "age": "90+"})
    ward.calls(100, errors=50, site="south", subgroup={"sex": "M"})
    ward.calls(100, subgroup={"sex": ""})
    by_site, by_group = (
        Need("error_rate", cut="site"),
        Need("error_rate", cut="subgroup"),
    )
    found = all_of(ward, by_site, by_group, Need("error_rate"))
    assert {"north": 0.05, "south": 0.5} == {
        who.site: r.value for who, r in found.values[by_site].items()
    }
    assert {"sex:F": 0.05, "age:90+": 0.05, "sex:M": 0.5} == {
        who.subgroup: r.value for who, r in found.values[by_group].items()
    }
    north = Subject("wdbc", "1", site="north")
    assert pytest.approx(55 / 300) == found.get(Need("error_rate"), north).value


def test_functions_over_samples(ward: Ward) -> None:
    """Functions read each run's value in the window; unjudged runs take no part."""
    for value_ in (0.9, 0.8, 0.7):
        ward.put("clinical_metrics", {"metric": "ppv", "value": value_})
        ward.later(60)
    ward.put("clinical_metrics", {"metric": "ppv", "status": "insufficient_data"})
    for term, expected in (
        ("avg(ppv over 5m)", 0.8),
        ("min(ppv over 5m)", 0.7),
        ("max(ppv over 5m)", 0.9),
        ("min(ppv over 5m offset 2m)", 0.8),
        ("count(ppv over 5m)", 3.0),
        ("quantile(ppv over 5m, 0.5)", 0.8),
        ("stddev(ppv over 5m)", 0.0816496580927726),
    ):
        assert pytest.approx(expected) == value(ward, term).value, term
    assert Reading(None, "insufficient_data") == value(ward, "ppv")
    assert Reading(None, "missing") == value(ward, "avg(npv over 5m)")


def gauge(ward: Ward, name: str, value_: float, host: str, **attributes: str) -> None:
    """Put one point of a gauge that the service `api` reports from *host*."""
    ward.put(
        "otel_metrics_gauge",
        {
            "ResourceAttributes": {"host.name": host},
            "ServiceName": "api",
            "MetricName": name,
            "Attributes": attributes,
            "TimeUnix": ward.now_ns,
            "Value": value_,
        },
    )


def test_resources_of_hosts(ward: Ward) -> None:
    """A host counts for each model of its services; the worst of several counts."""
    ward.calls(service_name="api")
    ward.calls(service_name="elsewhere", model_name="other")
    for host, idle in (("a", 0.75), ("b", 0.1)):
        gauge(ward, "system.cpu.utilization", idle, host, cpu="0", state="idle")
        gauge(ward, "system.cpu.utilization", 0.05, host, cpu="0", state="user")
        gauge(ward, "system.memory.utilization", idle, host, state="used")
        gauge(ward, "hw.gpu.utilization", idle, host)
        gauge(ward, "hw.gpu.memory.utilization", idle, host)
    names = "cpu_percent", "memory_percent", "gpu_utilization", "gpu_memory_percent"
    assert {
        "cpu_percent": pytest.approx(90.0),
        "memory_percent": 75.0,
        "gpu_utilization": 0.75,
        "gpu_memory_percent": 75.0,
    } == {name: r.value for name, r in read(ward, *names).items()}
    assert {} == read(ward, *names, subject=Subject("other", "1"))


def test_queue_depth_is_that_of_all_processes(ward: Ward) -> None:
    """Calls in work are summed over the processes that serve a model."""
    for process in ("1", "2"):
        for age, depth in ((0, 9), (10, 3)):
            ward.later(age)
            ward.put(
                "otel_metrics_sum",
                {
                    "ResourceAttributes": {"service.instance.id": process},
                    "ServiceName": "api",
                    "MetricName": "medical_ai.inference.active",
                    "Attributes": {
                        "medical_ai.model.name": "wdbc",
                        "medical_ai.model.version": "1",
                    },
                    "TimeUnix": ward.now_ns,
                    "Value": float(depth),
                },
            )
    assert {"queue_depth": Reading(6.0)} == read(ward, "queue_depth")


def test_who_was_called_within_a_day_is_on_the_roster(ward: Ward) -> None:
    """A silent version is still watched, for a day."""
    ward.calls()
    reader = Reader(ward.store, dict.fromkeys(SOURCES, 300.0))
    assert {WDBC} == reader.read(ward.later(80_000), ()).roster
    assert set() == reader.read(ward.later(6_401), ()).roster
    assert {WDBC} == reader.read(ward.later(-6_401), ()).roster


def test_long_windows_move_in_steps(ward: Ward) -> None:
    """A window of six hours is read once in six minutes, and ends at such a step."""
    reader = Reader(ward.store, dict.fromkeys(SOURCES, 300.0))
    ward.calls()
    need = Need("request_count", over=21_600)
    ward.now_ns += 360 * 10**9 - ward.now_ns % (360 * 10**9)
    asked = []
    for _ in range(12):
        before = reader.queries
        found = reader.read(ward.later(60), [need])
        asked.append(reader.queries - before)
        assert Reading(100.0) == found.get(need, WDBC)
    assert [2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2] == asked


def test_newest_run_without_a_number_hides_older_ones(ward: Ward) -> None:
    """An older number never stands in for a newer absence of one."""
    for row, reason in (
        ({"value": 9.0, "status": "insufficient_data"}, "insufficient_data"),
        ({"value": 9.0, "status": "no_data"}, "insufficient_data"),
        ({"value": None}, "not_a_number"),
        ({"value": float("nan")}, "not_a_number"),
        ({"value": float("inf")}, "not_a_number"),
    ):
        ward.put("clinical_metrics", {"metric": "ppv", "value": 0.9})
        assert Reading(0.9) == value(ward, "ppv")
        ward.later(15)
        ward.put("clinical_metrics", {"metric": "ppv"} | row)
        assert Reading(None, reason) == value(ward, "ppv")
        ward.later(15)


def test_clinical(ward: Ward) -> None:
    """Clinical metrics are judged by their own status."""
    ward.put(
        "clinical_metrics",
        {"metric": "sensitivity", "value": 0.9, "denominator": 40},
        {"metric": "ppv", "value": 0.9, "status": "insufficient_data"},
        {"metric": "of_another_release", "value": 1.0},
    )
    assert read(ward, "sensitivity", "ppv", "npv") == {
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
    assert read(ward, "drift_score", "psi", "ks_p_value") == {
        "drift_score": Reading(0.25),
        "psi": Reading(0.4),
        "ks_p_value": Reading(0.03),
    }


def test_findings_of_parts(ward: Ward) -> None:
    """Findings of a site or a subgroup are its own, and never those of the whole."""
    for key, part, statistic in (("", "", 0.1), ("sex", "F", 0.4), ("site", "n", 0.7)):
        where = {"subgroup_key": key, "subgroup_value": part}
        ward.put("drift_findings", finding("a", "psi", statistic=statistic) | where)
        rate = {"metric": "ppv", "value": statistic, "denominator": 50}
        ward.put("clinical_metrics", rate | where)
    for metric in ("psi", "ppv"):
        needs_ = [Need(metric, cut=cut) for cut in ("", "subgroup", "site")]
        found = all_of(ward, *needs_)
        subjects = (
            WDBC,
            Subject("wdbc", "1", subgroup="sex:F"),
            Subject("wdbc", "1", site="n"),
        )
        pairs = zip(needs_, subjects, strict=True)
        assert [0.1, 0.4, 0.7] == [found.get(need, who).value for need, who in pairs]
        assert {WDBC} == set(found.values[needs_[0]])


def test_drift_that_could_not_be_judged(ward: Ward) -> None:
    """A run without one judged feature is insufficient, not zero."""
    ward.put(
        "drift_findings",
        finding("", "model", status="insufficient_data"),
        finding("a", "psi", status="insufficient_data"),
        finding("a", "ks_test"),
    )
    assert read(ward, "drift_score", "psi", "ks_p_value") == {
        "drift_score": Reading(None, "insufficient_data"),
        "psi": Reading(None, "insufficient_data"),
        "ks_p_value": Reading(None, "not_a_number"),
    }


def test_versions_are_told_apart(ward: Ward) -> None:
    """Two versions of a model, and names that look like SQL, stay themselves."""
    hostile = "x' OR 1=1 -- {a:String}"
    for name, version, ms in (
        ("wdbc", "1", 1.0),
        ("wdbc", "2", 2.0),
        (hostile, "1", 3.0),
    ):
        ward.slow(ms, model_name=name, model_version=version)
    for subject, ms in ((WDBC, 1.0), (("wdbc", "2"), 2.0), ((hostile, "1"), 3.0)):
        found = read(ward, "latency_p95", subject=Subject(*subject))
        assert {"latency_p95": Reading(ms, samples=100)} == found


def test_a_source_that_is_away_is_an_error_of_its_own(ward: Ward) -> None:
    """A query that fails makes its metrics unknown, and leaves other sources alone."""
    ward.calls()
    ward.store.away_for = ("clinical_metrics",)
    found = read(ward, "request_count", "ppv")
    assert Reading(100.0) == found["request_count"]
    assert Reading(None, "query_error") == found["ppv"]


def test_a_thousand_rules_share_a_handful_of_queries(ward: Ward) -> None:
    """Queries are by source, window and cut: rules, models and limits add none."""
    texts = [
        f'error_rate{{model="m{i}"}} > {i % 99 + 1}% or '
        f"burn_rate(latency_p95 over 5m, {i + 1}ms) > 14.4 or "
        f"cpu_percent > {i % 90} or psi > {i} or ppv < 0.{i + 1}"
        for i in range(1000)
    ]
    wanted = frozenset().union(*(needs(checked(parse(text))) for text in texts))
    reader = Reader(ward.store, dict.fromkeys(SOURCES, 300.0))
    found = reader.read(ward.now_ns, wanted)
    assert not found.failed
    assert 5 == reader.queries
