"""`algovigil alerts`: lint and test work on files, explain asks the processor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from algovigil_processor.commands import alerts
from algovigil_processor.commands.alerts import lint, test

if TYPE_CHECKING:
    from pathlib import Path

RULES = """
sla: {availability: 99}
alerts:
  interval: 15
  channels: {ward: {type: webhook, url: "https://h.org/"}}
  rules:
    - {name: Errors, condition: "error_rate > 5%", severity: critical, duration: 120,
       keep_firing: 60, channels: [ward]}
"""
TESTS = """
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - name: a bad release
    interval: 1m
    input_series:
      - {series: 'error_rate{model="sepsis", version="2"}', values: '0x4 0.2x4 _x4 0x9'}
      - {series: 'error_rate{model="sepsis", version="1"}', values: '0.01x30'}
    alert_rule_test:
      - {eval_time: 6m, alertname: Errors}
      - eval_time: 7m
        alertname: Errors
        exp_alerts: [{exp_labels: {model: sepsis, version: "2", severity: critical}}]
      - eval_time: 14m
        alertname: Errors
        exp_alerts: [{exp_labels: {model: sepsis, version: "2", severity: critical}}]
      - {eval_time: 15m, alertname: Errors}
"""


def run(module: object, *words: str) -> int:
    """Run a verb as the command line would."""
    import argparse

    parser = argparse.ArgumentParser()
    alerts.add_arguments(parser)
    verb = module.__name__.rpartition(".")[2]
    return alerts.run(parser.parse_args([verb, *words]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rules and their tests."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "tests.yaml").write_text(TESTS)
    return tmp_path


def test_tests_that_come_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gap ends no alert; a false does, after the time of keeping."""
    assert 0 == run(test, str(folder / "tests.yaml"))
    assert f"{folder / 'tests.yaml'}: SUCCESS\n" == capsys.readouterr().out


def test_tests_that_do_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was expected stands beside what came."""
    (folder / "tests.yaml").write_text(TESTS.replace("eval_time: 6m", "eval_time: 8m"))
    assert 1 == run(test, str(folder / "tests.yaml"))
    said = capsys.readouterr().out
    assert "a bad release, Errors at 480 s" in said
    assert "expected: nothing" in said
    assert "actual:   {model=sepsis, severity=critical, version=2}" in said
    assert 1 == run(test, "--json", str(folder / "tests.yaml"))
    (difference,) = json.loads(capsys.readouterr().out)["differences"]
    assert (480, []) == (difference["at"], difference["expected"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("alertname: Errors}", "alertname: Erors}", "alertname `Erors`"),
        ("error_rate{model", "eror_rate{model", "series `eror_rate"),
        ("version=", "ward=", "labels `"),
        ("'0.01x30'", "'0.01y30'", "series value `0.01y30`"),
        ("eval_time: 6m", "eval_time: six", "time `six`"),
        ("input_series", "imput_series", "key `imput_series`"),
        ("rule_files: [rules.yaml]", "rule_files: []", "no rules"),
        ("rule_files: [rules.yaml]", "rule_files: [none.yaml]", "no file"),
    ],
)
def test_a_file_of_mistakes(folder: Path, old: str, new: str, said: str) -> None:
    """A mistake in a file of tests is told, not passed over."""
    from algovigil.errors import ConfigError

    assert old in TESTS
    (folder / "tests.yaml").write_text(TESTS.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        run(test, str(folder / "tests.yaml"))
    assert said in str(caught.value)


def test_lint(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rules in order have no doubts, provided ones included."""
    assert 0 == run(lint, "--strict", str(folder / "rules.yaml"))
    assert "11 rules can be obeyed; 0 doubts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", channels: [ward]", "", "nobody is told"),
        ("duration: 120", "duration: 5", "duration of 5 s is under the interval"),
        ("error_rate > 5%", "error_rate over 5s > 5%", "`over 5s` is under"),
        ("error_rate > 5%", "error_rate == 5%", "`error_rate == 5%` compares"),
        ("duration: 120", "min_samples: 1", "min_samples of 1"),
    ],
)
def test_doubts(
    folder: Path, old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What its author hardly meant is doubted, and fails where that is asked for."""
    assert old in RULES
    (folder / "rules.yaml").write_text(RULES.replace(old, new))
    assert 0 == run(lint, str(folder / "rules.yaml"))
    assert said in capsys.readouterr().out
    assert 1 == run(lint, "--strict", "--json", str(folder / "rules.yaml"))
    (doubt,) = json.loads(capsys.readouterr().out)
    assert ("Errors", True) == (doubt["rule"], said in doubt["doubt"])
