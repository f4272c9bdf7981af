"""Linting of conditions: units fit, and nothing holds always or never by mistake."""

from __future__ import annotations

import pytest
from hypothesis import given

from algovigil_processor.alert.rules.check import checked
from algovigil_processor.alert.rules.grammar import RuleSyntaxError, parse
from algovigil_processor.alert.rules.tree import Number, children, metrics, render
from unit.alert.trees import conditions


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("latency_p95 > 2 s", "latency_p95 > 2000"),
        ("latency_p95 > 2000", "latency_p95 > 2000"),
        (
            "latency_p99 - latency_p50 > 1s + 500ms",
            "latency_p99 - latency_p50 > 1000 + 500",
        ),
        ("error_rate >= 5%", "error_rate >= 0.05"),
        ("error_rate * 100 > 5", "error_rate * 100 > 5"),
        ("1 - availability > 0.1%", "1 - availability > 0.001"),
        ("error_rate / (1 - 0.999) > 14.4", "error_rate / (1 - 0.999) > 14.4"),
        ("cpu_percent > 90%", "cpu_percent > 90"),
        ("gpu_utilization > 90%", "gpu_utilization > 0.9"),
        ("latency_p95 > latency_p50 * 3", "latency_p95 > latency_p50 * 3"),
        ("sensitivity + specificity < 1.5", "sensitivity + specificity < 1.5"),
        ("sensitivity < 0.9 * specificity", "sensitivity < 0.9 * specificity"),
        ("psi > 25%", "psi > 0.25"),
        (
            "burn_rate(latency_p95 over 1h, 2s) > 14.4",
            "burn_rate(latency_p95 over 1h, 2000) > 14.4",
        ),
        (
            "burn_rate(error_rate over 1h, 0.1%) > 6",
            "burn_rate(error_rate over 1h, 0.001) > 6",
        ),
        (
            "delta(diagnostic_accuracy over 1w) < -5%",
            "delta(diagnostic_accuracy over 1w) < -0.05",
        ),
        (
            "sensitivity by subgroup < sensitivity - 10%",
            "sensitivity by subgroup < sensitivity - 0.1",
        ),
        ("not ks_p_value > 0.05 or psi > 0.2", "not ks_p_value > 0.05 or psi > 0.2"),
    ],
)
def test_folds_units(text: str, folded: str) -> None:
    """Numbers end in the native unit of the metric that they meet."""
    assert folded == render(checked(parse(text)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("error_rate > 5", "write `5%` or `0.05`"),
        ("5 < error_rate", "write `5%` or `0.05`"),
        ("availability < 99.9", "write `99.9%` or `0.999`"),
        ("diagnostic_accuracy < 85 and psi > 1", "write `85%` or `0.85`"),
        ("not availability < 90 + 9", "write `99%` or `0.99`"),
        ("latency_p95 > 5%", "ms against %"),
        ("error_rate > 5 ms", "ratio against ms"),
        ("latency_p95 > error_rate", "ms against ratio"),
        ("throughput > request_count", "rate against count"),
        ("latency_p95 + error_rate > 1", "ms against ratio"),
        ("1 > 0", "a metric on one side"),
        ("psi > 1 or 1 == 1", "a metric on one side"),
        ("cpu_percent over 5m > 90", "write `avg(cpu_percent over ...)`"),
        ("cpu_percent by site > 90", "kept by site"),
        ("psi by subgroup > 1 and error_rate by site > 1%", "one rule for each"),
        ('error_rate{site="a"} by subgroup > 1%', "one of them"),
        ("sum(error_rate over 5m) > 1", "sum of one of"),
        ("rate(psi over 5m) > 1", "rate of one of"),
        ("avg(psi) > 1", "without a window"),
        ("max(error_rate by site over 5m) > 1%", "write `error_rate by site"),
        ("quantile(psi over 1d, 0.8) > 1", "one of 0.01"),
        ("burn_rate(error_rate over 1h, 0) > 1", "leaves a part"),
        ("burn_rate(availability over 1h, 100%) > 1", "leaves a part"),
        ("burn_rate(latency_p95 over 1h, 1%) > 1", "ms against %"),
        ("burn_rate(psi over 1h, 1%) > 1", "burn_rate of one of"),
        ("avg(error_rate over 1h) > 5", "write `5%` or `0.05`"),
        ("delta(latency_p95 over 1h) > 5%", "ms against %"),
        ('psi{model="a"} > 1 and drift_score{model="b"} > 0.1', "one model in a rule"),
    ],
)
def test_lint(text: str, said: str) -> None:
    """A condition that cannot mean what it says is refused, with what to write."""
    with pytest.raises(RuleSyntaxError) as caught:
        checked(parse(text))
    assert said in str(caught.value)


@given(conditions())
def test_checked_trees_hold_no_unit_and_compare_metrics(tree: object) -> None:
    """Every tree is refused or ends with plain numbers, the same metrics and shape."""
    try:
        folded = checked(tree)
    except RuleSyntaxError:
        return
    assert metrics(tree) == metrics(folded)
    rest = [folded]
    while rest:
        node = rest.pop()
        rest += children(node)
        assert not isinstance(node, Number) or not node.unit
