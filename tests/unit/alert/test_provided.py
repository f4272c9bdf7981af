"""Rules that nobody wrote: objectives become burn rates, and a first set for all."""

from __future__ import annotations

import pytest

from algovigil.config import Alerts, Channel, MonitoringConfig, Rule, Sla
from algovigil.errors import ConfigError
from algovigil_processor.alert.evaluate.readings import Subject
from algovigil_processor.alert.rulebook import Rulebook
from algovigil_processor.alert.rules.compile import compile_rules
from algovigil_processor.alert.rules.provided import default_rules, slo_rules
from algovigil_processor.alert.trial.notation import values
from algovigil_processor.alert.trial.series import Series
from algovigil_processor.alert.trial.trial import stand

WHO = Subject("sepsis", "1")


def test_an_objective_is_two_rules_of_googles_windows() -> None:
    """A 30-day objective has the windows and factors of the workbook."""
    fast, slowly = slo_rules(Sla(availability=99.9), ("pager",))
    assert (
        "(burn_rate(availability over 1h, 99.9%) > 14.4"
        " and burn_rate(availability over 5m, 99.9%) > 14.4)"
        " or (burn_rate(availability over 6h, 99.9%) > 6"
        " and burn_rate(availability over 30m, 99.9%) > 6)"
    ) == fast.condition
    assert (
        "(burn_rate(availability over 1d, 99.9%) > 3"
        " and burn_rate(availability over 2h, 99.9%) > 3)"
        " or (burn_rate(availability over 3d, 99.9%) > 1"
        " and burn_rate(availability over 6h, 99.9%) > 1)"
    ) == slowly.condition
    assert ("critical", "warning") == (fast.severity, slowly.severity)
    assert ("pager",) == fast.channels


def test_windows_follow_the_period() -> None:
    """Over 7 days the windows shrink; the shares of the budget stay."""
    fast, _ = slo_rules(Sla(error_rate=0.1, period_days=7), ())
    assert "burn_rate(error_rate over 14m, 0.1%) > 14.4" in fast.condition
    assert "burn_rate(error_rate over 70s, 0.1%) > 14.4" in fast.condition


def test_no_factor_is_out_of_reach() -> None:
    """Half of all calls may miss a median: no factor asks for more than all calls."""
    fast, _ = slo_rules(Sla(latency_p50=200), ())
    assert "burn_rate(latency_p50 over 1h, 200ms) > 1.8" in fast.condition


def test_all_provided_rules_can_be_obeyed() -> None:
    """Whatever is promised, the rules that follow compile."""
    sla = Sla(10, 2000, 30_000.5, 99.99, 5, 350)
    rules = [*slo_rules(sla, ()), *default_rules(Alerts(), ())]
    assert 10 + 8 == len(compile_rules(rules))


@pytest.mark.parametrize(
    "wrong",
    [
        {"availability": 100},
        {"availability": -1},
        {"error_rate": 120},
        {"latency_p95": -5},
        {"availability": 99.9, "period_days": 0.5},
    ],
)
def test_impossible_promises(wrong: dict[str, float]) -> None:
    """A promise that nobody can keep, or that means nothing, stops the start."""
    with pytest.raises(ConfigError, match=r"sla\."):
        Sla(**wrong)


def firing(rule: Rule, metric: str, text: str, minutes: int) -> list[int]:
    """Return the minutes at which *rule* fires, on a sample a minute."""
    given = Series(metric, WHO, 60, values(text))
    found = stand(compile_rules([rule]), [given], 60, minutes * 60)
    return [
        at // 60
        for at, states in found
        if any(state.phase == "firing" for state in states.values())
    ]


def test_a_budget_that_burns_fast_fires_soon_and_ends_soon() -> None:
    """3 % of failures against 0.1 % fire within half an hour, end within minutes."""
    fast, _ = slo_rules(Sla(error_rate=0.1), ())
    minutes = firing(fast, "error_rate", "0x119 0.03x59 0x300", 480)
    assert 120 <= minutes[0] <= 120 + 35
    # both windows of 1 h let go at once; those of 6 h and 30 min a while later
    assert 180 <= minutes[-1] <= 180 + 30
    assert list(range(minutes[0], minutes[-1] + 1)) == minutes


def test_a_budget_that_is_kept_never_fires() -> None:
    """Failures within the budget are what the budget is for."""
    for rule in slo_rules(Sla(error_rate=0.1), ()):
        assert [] == firing(rule, "error_rate", "0.0009x600", 600)


def test_your_own_rule_takes_the_place_of_a_provided_one() -> None:
    """A rule of the file with a provided rule's name is the one in force."""
    mine = Rule("Errors above 5 %", "error_rate > 50%")
    channels = {"ward": Channel("webhook", url="https://h.org/")}
    config = MonitoringConfig(
        sla=Sla(availability=99), alerts=Alerts(rules=(mine,), channels=channels)
    )
    rules = {rule.name: rule for rule in Rulebook(config).fixed}
    assert ("error_rate > 50%", "file") == (
        rules["Errors above 5 %"].text,
        rules["Errors above 5 %"].origin,
    )
    assert 1 + 2 + 7 == len(rules)
    assert ("ward",) == rules["Model is silent"].channels


def test_no_defaults() -> None:
    """Who wants none of the first set has none."""
    assert () == Rulebook(MonitoringConfig(alerts=Alerts(defaults=False))).fixed
