"""Run trials: judge rules on series at every interval, and compare what fires.

The file is that of `promtool test rules`; what has no use here (`promql_expr_test`,
annotations) is refused rather than passed over.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.evaluate.judge import judge
from algovigil_processor.alert.trial.notation import seconds, series, values
from algovigil_processor.alert.trial.series import Series, readings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from algovigil_processor.alert.evaluate.lifecycle import AlertState, Identity
    from algovigil_processor.alert.rules.compile import Rule

SECOND: Final = 10**9


@dataclass(frozen=True, slots=True)
class Expectation:
    """Which alerts of the rule `alertname` fire at a time, by their labels."""

    at: int
    alertname: str
    alerts: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One test of a file."""

    name: str
    every: int
    given: tuple[Series, ...]
    expected: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What did not come out as expected."""

    trial: str
    at: int
    alertname: str
    expected: Sequence[Mapping[str, str]] = field(default_factory=list)
    actual: Sequence[Mapping[str, str]] = field(default_factory=list)


def read(content: Mapping[str, Any]) -> tuple[list[str], tuple[Trial, ...]]:
    """Return the rule files and the trials of *content*, the parsed YAML.

    Raises:
        ConfigError: it is not such a file.
    """
    _known(content, ("rule_files", "evaluation_interval", "tests"), "the file")
    every = seconds(content.get("evaluation_interval", "1m"))
    tests = content.get("tests", [])
    trials = tuple(_trial(n, test, every) for n, test in enumerate(tests))
    return [str(name) for name in content.get("rule_files", [])], trials


def _known(content: object, keys: Sequence[str], where: str) -> None:
    if not isinstance(content, dict):
        raise ConfigError(explain(f"{where}: no mapping", ", ".join(keys)))
    for key in content:
        if key not in keys:
            raise ConfigError(explain(f"key `{key}` in {where}", ", ".join(keys)))


def _trial(number: int, test: Mapping[str, Any], every: int) -> Trial:
    name = str(test.get("name", f"test {number + 1}"))
    _known(test, ("name", "interval", "input_series", "alert_rule_test"), name)
    interval = seconds(test.get("interval", "1m"))
    given = []
    for one in test.get("input_series", []):
        _known(one, ("series", "values"), f"input_series of {name}")
        metric, subject = series(str(one["series"]))
        given.append(Series(metric, subject, interval, values(str(one["values"]))))
    expected = []
    for one in test.get("alert_rule_test", []):
        _known(
            one, ("eval_time", "alertname", "exp_alerts"), f"alert_rule_test of {name}"
        )
        alerts = tuple(
            {str(k): str(v) for k, v in alert.get("exp_labels", {}).items()}
            for alert in one.get("exp_alerts", [])
        )
        expected.append(
            Expectation(seconds(one["eval_time"]), str(one["alertname"]), alerts)
        )
    return Trial(name, every, tuple(given), tuple(expected))


def run(trial: Trial, rules: Sequence[Rule]) -> Iterator[Difference]:
    """Yield where *rules* do not do what *trial* expects.

    Raises:
        ConfigError: it expects alerts of a rule that there is not.
    """
    severities = {rule.name: rule.severity for rule in rules}
    for one in trial.expected:
        if one.alertname not in severities:
            raise ConfigError(
                explain(
                    f"alertname `{one.alertname}`", "one of " + ", ".join(severities)
                )
            )
    last = max((one.at for one in trial.expected), default=0)
    by_time = dict(stand(rules, trial.given, trial.every, last))
    for one in sorted(trial.expected, key=lambda e: e.at):
        states = by_time[one.at - one.at % trial.every]
        actual = [
            _labels(identity, severities[one.alertname])
            for identity, state in states.items()
            if identity.rule == one.alertname and state.phase == "firing"
        ]
        if sorted(map(_key, actual)) != sorted(map(_key, one.alerts)):
            yield Difference(trial.name, one.at, one.alertname, one.alerts, actual)


def stand(
    rules: Sequence[Rule], given: Sequence[Series], every: int, last: int
) -> Iterator[tuple[int, dict[Identity, AlertState]]]:
    """Yield, at each evaluation up to *last* seconds, who is pending or firing."""
    needs = frozenset().union(*(rule.needs for rule in rules))
    states: dict[Identity, AlertState] = {}
    for at in range(0, last + 1, every):
        verdicts = list(judge(rules, readings(given, needs, at), states, at * SECOND))
        states = states | {v.identity: v.after for v in verdicts}
        states = {who: s for who, s in states.items() if s.phase != "inactive"}
        yield at, dict(states)


def _labels(identity: Identity, severity: str) -> dict[str, str]:
    given = identity.subject._asdict() | {"severity": severity}
    return {name: value for name, value in given.items() if value}


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def as_json(difference: Difference) -> dict[str, Any]:
    """Return *difference* as plain data."""
    return dataclasses.asdict(difference)
