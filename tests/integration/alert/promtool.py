"""Prometheus' own rule evaluation, run by `promtool test rules` on series by hand."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class PromRule:
    """An alerting rule; `for_` and `keep` are minutes."""

    name: str
    expr: str
    for_: int = 0
    keep: int = 0

    def yaml(self) -> dict[str, str]:
        """The rule as Prometheus writes it."""
        found = {"alert": self.name, "expr": self.expr, "for": f"{self.for_}m"}
        return found | ({"keep_firing_for": f"{self.keep}m"} if self.keep else {})


def promtool(
    folder: Path,
    rules: Sequence[PromRule],
    series: Mapping[str, str],
    expected: Mapping[int, Mapping[str, str]],
) -> str:
    """Return promtool's complaint; '' when it agrees with *expected*.

    That is, by minute, the state (`pending` or `firing`) of each rule that has one.
    Rules are judged every minute on one sample a minute.
    """
    group = {"name": "g", "interval": "1m", "rules": [rule.yaml() for rule in rules]}
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [group]}))
    checks = [
        {
            "expr": "ALERTS",
            "eval_time": f"{minute}m",
            "exp_samples": [
                {
                    "labels": f'ALERTS{{alertname="{name}",alertstate="{state}"}}',
                    "value": 1,
                }
                for name, state in states.items()
            ],
        }
        for minute, states in expected.items()
    ]
    test = {
        "interval": "1m",
        "input_series": [{"series": s, "values": v} for s, v in series.items()],
        "promql_expr_test": checks,
    }
    whole = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
    (folder / "tests.yml").write_text(yaml.safe_dump(whole))
    done = subprocess.run(
        ["promtool", "test", "rules", "tests.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
