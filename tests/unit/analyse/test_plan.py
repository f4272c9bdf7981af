"""The monitoring plan: read, versioned by what it says, and obeyed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from algovigil.config import MonitoringConfig
from algovigil.errors import ConfigError
from algovigil_processor.analyse.plan import Plan, Watch, load

EXAMPLE = Path(__file__).resolve().parents[3] / "monitoring_plan_example.yaml"


def row(metric: str, value: float | None, lower: float, upper: float) -> dict[str, Any]:
    return {
        "metric": metric,
        "model_name": "m",
        "subgroup_key": "",
        "value": value,
        "lower": lower,
        "upper": upper,
        "status": "ok" if value is not None else "insufficient_data",
    }


def test_the_example_is_a_plan() -> None:
    """Every watch has a rationale and a response; the version is a digest."""
    plan = load(MonitoringConfig.of({"monitoring_plan": str(EXAMPLE)}))
    assert 5 == len(plan.watch)
    assert all(watch.rationale and watch.response for watch in plan.watch)
    assert 16 == len(plan.version)


def test_a_version_changes_with_what_is_watched_and_with_settings() -> None:
    """Another threshold, in the plan or in the settings, is another version."""
    plain = load(MonitoringConfig())
    other = load(MonitoringConfig.of({"clinical": {"gap_floor": 0.2}}))
    watch = Watch("ppv", "why", "then", below=0.5)
    lower = dataclasses.replace(watch, below=0.4)
    versions = {
        plain.version,
        other.version,
        Plan(watch=(watch,)).version,
        Plan(watch=(lower,)).version,
    }
    assert 4 == len(versions)
    assert plain.version == load(MonitoringConfig()).version


def test_thresholds_give_a_status() -> None:
    """Crossed by the figure is a warning, by its whole interval critical."""
    plan = Plan(watch=(Watch("ppv", "why", "then", below=0.7, above=0.95),))
    given = [
        row("ppv", 0.8, 0.75, 0.85),
        row("ppv", 0.65, 0.6, 0.72),
        row("ppv", 0.5, 0.4, 0.6),
        row("ppv", 0.99, 0.97, 1.0),
        row("ppv", None, 0.1, 0.5),
        row("npv", 0.1, 0.0, 0.2),
    ]
    assert ["ok", "warning", "critical", "critical", "insufficient_data", "ok"] == [
        judged["status"] for judged in plan.judge(given)
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("title: [", "not YAML"),
        ("titel: x", "unknown key"),
        ("watch: [{metric: ppv, rationale: a, response: b}]", "without a threshold"),
        ("watch: [{metric: ppv, below: 1}]", "no key `rationale`"),
    ],
)
def test_a_mistake_in_the_plan_is_told(tmp_path: Path, text: str, found: str) -> None:
    """Found, expected, hint; at the start, not at the first finding."""
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=found):
        load(MonitoringConfig.of({"monitoring_plan": str(file)}))


def test_a_plan_that_is_not_there_is_told() -> None:
    """The file's name and what to do."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load(MonitoringConfig.of({"monitoring_plan": "/nowhere/plan.yaml"}))
