"""Our state machine beside Prometheus': the same on whole series, else by intent.

Each difference has a test that shows both sides.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from algovigil.config import Rule
from algovigil_processor.alert.evaluate.judge import judge
from algovigil_processor.alert.evaluate.readings import Reading, Readings, Subject
from algovigil_processor.alert.rules.compile import compile_rules
from algovigil_processor.alert.rules.needs import Need
from algovigil_processor.alert.trial.notation import values
from algovigil_processor.alert.trial.series import Series
from algovigil_processor.alert.trial.trial import stand
from integration.alert.promtool import PromRule, promtool

if TYPE_CHECKING:
    from pathlib import Path

    from algovigil_processor.alert.evaluate.lifecycle import AlertState, Identity

pytestmark = pytest.mark.debian

MINUTES = 40
RULES_A_SEED = 40


def ours(rule: PromRule, series: str, minutes: int = MINUTES) -> dict[int, str]:
    """What our rule of the same words is at each minute: pending, firing, or absent."""
    (compiled,) = compile_rules(
        [
            Rule(
                rule.name,
                rule.expr,
                duration=rule.for_ * 60,
                keep_firing=rule.keep * 60,
            )
        ]
    )
    given = Series("psi", subject(), 60, values(series))
    return {
        at // 60: next(iter(states.values())).phase if states else ""
        for at, states in stand([compiled], [given], 60, minutes * 60)
    }


def subject() -> Subject:
    """Who the series are of."""
    return Subject("", "")


def theirs(folder: Path, rule: PromRule, series: str, states: dict[int, str]) -> str:
    """promtool's complaint about *states* of the one *rule*."""
    expected = {m: {rule.name: s} if s else {} for m, s in states.items()}
    return promtool(folder, [rule], {"psi": series}, expected)


def random_series(random: Random) -> str:
    """A series without a gap that crosses 1 now and then, as notation."""
    parts, left = [], MINUTES + 1
    while left > 0:
        times = min(random.randint(0, 7), left - 1)
        kind = random.random()
        if kind < 0.3:
            parts.append(f"{random.choice([0, 0.5, 1, 1.5, 2])}x{times}")
        elif kind < 0.5:
            parts.append(
                f"{random.choice([0, 0.5])}+{random.choice([0.25, 0.5])}x{times}"
            )
        elif kind < 0.6:
            parts.append(f"2-{random.choice([0.25, 0.5])}x{times}")
        else:
            parts.append(str(random.choice([0, 2])))
            times = 0
        left -= times + 1
    return " ".join(parts)


@pytest.mark.parametrize("seed", range(10))
def test_agrees_on_series_without_gaps(seed: int, tmp_path: Path) -> None:
    """On any whole series both are pending, firing and resolved at the same minutes."""
    random = Random(seed)
    rules, series = [], {}
    expected: dict[int, dict[str, str]] = {m: {} for m in range(MINUTES + 1)}
    for number in range(RULES_A_SEED):
        name, text = f"r{number}", random_series(random)
        sign = random.choice([">", ">=", "<", "<=", "==", "!="])
        timing = random.choice([0, 0, 1, 2, 3, 5, 8]), random.choice([0, 0, 1, 2, 4, 7])
        rule = PromRule(name, f"psi {sign} 1", *timing)
        for minute, state in ours(rule, text).items():
            if state:
                expected[minute][name] = state
        # each rule has a series of its own; to Prometheus it is a metric of its own
        rules.append(PromRule(name, f"sum(psi_{number}) {sign} 1", *timing))
        series[f"psi_{number}"] = text
    assert any("firing" in states.values() for states in expected.values())
    assert "" == promtool(tmp_path, rules, series, expected)


def test_the_oracle_can_disagree(tmp_path: Path) -> None:
    """A machine that fires one minute early is found out."""
    rule = PromRule("early", "psi > 1", 5)
    states = ours(PromRule("early", "psi > 1", 4), "2x40")
    assert "firing" in theirs(tmp_path, rule, "2x40", states)


GAP = PromRule("gap", "psi > 1", 5)


def test_a_gap_does_not_restart_the_pending_clock(tmp_path: Path) -> None:
    """Prometheus forgets a pending alert at one gap; ours waits on and fires."""
    series = "2x2 stale 2x10"
    states = ours(GAP, series, 13)
    assert ["pending"] * 5 + ["firing"] * 9 == list(states.values())
    prometheus = (
        dict.fromkeys(range(9), "pending")
        | {3: ""}
        | dict.fromkeys(range(9, 14), "firing")
    )
    assert "" == theirs(tmp_path, GAP, series, prometheus)
    assert theirs(tmp_path, GAP, series, states)


def test_no_data_does_not_resolve(tmp_path: Path) -> None:
    """Prometheus resolves when the series ends; ours fires until it knows better."""
    rule = PromRule("nodata", "psi > 1")
    series = "2x3 stale _x10 0"
    states = ours(rule, series, 15)
    assert ["firing"] * 15 + [""] == list(states.values())
    prometheus = {m: "firing" if m < 4 else "" for m in range(16)}
    assert "" == theirs(tmp_path, rule, series, prometheus)
    assert theirs(tmp_path, rule, series, states)


def test_no_data_does_not_end_the_time_of_keeping(tmp_path: Path) -> None:
    """With keep-firing too, Prometheus resolves without data, and ours does not."""
    rule = PromRule("kept", "psi > 1", keep=3)
    series = "2x3 stale _x10 0 0 0 0"
    states = ours(rule, series, 18)
    assert ["firing"] * 18 + [""] == list(states.values())
    prometheus = {m: "firing" if m < 7 else "" for m in range(19)}
    assert "" == theirs(tmp_path, rule, series, prometheus)


def test_unknown_beside_a_known_side(tmp_path: Path) -> None:
    """`x or missing` is true; `x and missing` is unknown, which Prometheus drops."""
    either = PromRule("or", "psi > 1 or ks_p_value > 0")
    both = PromRule("and", "psi > 1 and ks_p_value > 0")
    assert "firing" == ours(either, "2x5", 5)[5]
    assert "" == ours(both, "2x5", 5)[5]
    states = {5: {"or": "firing"}}
    assert "" == promtool(tmp_path, [either, both], {"psi": "2x5"}, states)


def test_a_query_that_fails_keeps_the_alert(tmp_path: Path) -> None:
    """Ours stays what it was and says `error`; promtool refuses the whole run.

    A Prometheus server keeps the state too but sends nothing any more, so that its
    Alertmanager resolves the alert after four intervals.
    """
    (rule,) = compile_rules([Rule("failed", "psi > 1")])
    need, who = Need("psi"), Subject("m", "1")
    states: dict[Identity, AlertState] = {}
    results = []
    for at, readings in enumerate(
        [Readings({need: {who: Reading(2.0)}}), Readings({}, {need: "query_error"})]
    ):
        (verdict,) = judge([rule], readings, states, at * 60 * 10**9)
        states = {verdict.identity: verdict.after}
        results.append((verdict.after.phase, verdict.result))
    assert [("firing", "true"), ("firing", "error")] == results
    twice = PromRule("failed", "psi * on() psi_both > 1")
    series = {"psi": "2x3", 'psi_both{a="1"}': "_ 2x2", 'psi_both{a="2"}': "_ 2x2"}
    complaint = promtool(tmp_path, [twice], series, {3: {"failed": "firing"}})
    assert "many-to-many" in complaint


def test_what_cannot_be_computed(tmp_path: Path) -> None:
    """What cannot be computed is unknown to us; Prometheus' division gives a number.

    There `1 / 0` is +Inf and fires a rule, or resolves one that asks for less.
    """
    rule = PromRule("error", "psi / (psi - psi) < 1")
    assert "" == ours(rule, "1x5", 5)[5]
    over = PromRule("error", "psi / (psi - psi) > 1")
    assert "" == ours(over, "1x5", 5)[5]
    assert "" == theirs(tmp_path, over, "1x5", {5: "firing"})
