"""The shipped rules that watch the watcher: sound, tested, and about what there is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest
import yaml

from algovigil_processor.telemetry import Counter, Gauge

FOLDER = Path(__file__).resolve().parents[3] / "collector-config/prometheus"
RULES = FOLDER / "watchdog.rules.yml"


def test_they_name_metrics_that_are_exposed() -> None:
    """Every metric of a watchdog rule is one that /metrics prints."""
    exposed = {"algovigil_build_info"}
    exposed |= {f"algovigil_{n.replace('.', '_')}_total" for n in get_args(Counter)}
    exposed |= {f"algovigil_{n.replace('.', '_')}" for n in get_args(Gauge)}
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    named = {
        name
        for rule in group["rules"]
        for name in re.findall(r"algovigil_\w+", rule["expr"])
    }
    assert len(named) > 8
    assert set() == named - exposed


@pytest.mark.debian
@pytest.mark.parametrize(
    "words", [["check", RULES.name], ["test", "watchdog.test.yml"]]
)
def test_promtool_holds_them(words: list[str]) -> None:
    """They load into Prometheus, are silent in order, and fire when it is not."""
    verb, file = words
    done = subprocess.run(
        ["promtool", verb, "rules", file],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
