"""`algovigil alerts test`: judge rules on series by hand, as `promtool test rules`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from algovigil.config import MonitoringConfig
from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.rulebook import Rulebook
from algovigil_processor.alert.trial import trial

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from algovigil_processor.alert.rules.compile import Rule
    from algovigil_processor.alert.trial.trial import Difference

HELP = "Run unit tests of rules, written in the notation of `promtool test rules`."
EXAMPLES = """examples:
  algovigil alerts test rules_test.yaml

a test file:
  rule_files: [monitoring_config.yaml]
  evaluation_interval: 1m
  tests:
    - interval: 1m
      input_series:
        - {series: 'error_rate{model="sepsis", version="2"}', values: '0.01x5 0.2x10'}
      alert_rule_test:
        - eval_time: 12m
          alertname: High error rate
          exp_alerts:
            - exp_labels: {model: sepsis, version: "2", severity: critical}

exit codes: 0 as expected, 1 not so, 2 a file that cannot be read
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the files."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="files of tests")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Run all tests of all files; print what did not come out as expected.

    Raises:
        ConfigError: a file cannot be read, or names a rule that there is not.
    """
    different = 0
    for file in args.files:
        found = list(_differences(Path(file)))
        different += len(found)
        if args.json:
            print(
                json.dumps({"file": file, "differences": [*map(trial.as_json, found)]})
            )
            continue
        print(f"{file}: {'FAILED' if found else 'SUCCESS'}")
        for one in found:
            print(f"  {one.trial}, {one.alertname} at {one.at} s")
            print(f"    expected: {_named(one.expected)}")
            print(f"    actual:   {_named(one.actual)}")
    return 1 if different else 0


def _differences(file: Path) -> Iterator[Difference]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            explain(f"{file} cannot be read: {type(error).__name__}", "a file of tests")
        ) from None
    names, trials = trial.read({} if content is None else content)
    rules = [rule for name in names for rule in _rules(file.parent / name)]
    if not rules:
        raise ConfigError(
            explain(f"{file}: no rules", "rule_files: [monitoring_config.yaml]")
        )
    for one in trials:
        yield from trial.run(one, rules)


def _rules(file: Path) -> tuple[Rule, ...]:
    return Rulebook(MonitoringConfig.load(file)).fixed


def _named(alerts: Any) -> str:
    each = (
        "{" + ", ".join(f"{k}={v}" for k, v in sorted(alert.items())) + "}"
        for alert in alerts
    )
    return " ".join(each) or "nothing"
