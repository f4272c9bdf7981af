"""Rules that nobody had to write: one pair for each promise of `sla:`, and a first set.

The windows and factors of the burn-rate rules are those of Google's workbook for a
30-day period (Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate
Alerts"), derived from the period: a long window of period/720 that burns 14.4 times too
fast spends 2 % of the budget, and so on; the short window is a twelfth of the long one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from algovigil.config import Rule as RuleSetting
from algovigil_processor.alert.rules.grammar import MAX_SPAN
from algovigil_processor.alert.rules.tree import span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.config import Alerts, Sla

_DAY: Final = 86_400
_SHORT: Final = 12
_MOST_BURNT: Final = 0.9
"""A factor at which more than this share of calls must be bad would never be met."""

_SLOWER: Final = (
    "latency_p95 over 15m > 2 * latency_p95 over 1h offset 1d"
    " and latency_p95 over 15m > 50ms"
)


class _Burn(NamedTuple):
    share_of_period: int
    factor: float


_FAST: Final = (_Burn(720, 14.4), _Burn(120, 6.0))
_SLOW: Final = (_Burn(30, 3.0), _Burn(10, 1.0))


def slo_rules(sla: Sla, channels: tuple[str, ...]) -> Iterator[RuleSetting]:
    """Yield two rules for each objective: a budget that burns fast, and slowly."""
    for metric, objective in sla.objectives().items():
        target = (
            f"{objective:g}ms" if metric.startswith("latency") else f"{objective:g}%"
        )
        bad = sla.allowed()[metric]
        for word, burns, severity in (
            ("fast", _FAST, "critical"),
            ("slowly", _SLOW, "warning"),
        ):
            pairs = [
                _pair(metric, target, bad, burn, sla.period_days) for burn in burns
            ]
            yield RuleSetting(
                f"SLO {metric} {target}: budget burns {word}",
                " or ".join(pairs),
                severity,
                channels=channels,
            )


def _pair(metric: str, target: str, bad: float, burn: _Burn, days: float) -> str:
    long = min(int(days * _DAY / burn.share_of_period), MAX_SPAN)
    factor = min(burn.factor, _MOST_BURNT / bad)
    both = (
        f"burn_rate({metric} over {span(seconds)}, {target}) > {factor:.4g}"
        for seconds in (max(long, 1), max(long // _SHORT, 1))
    )
    return "({})".format(" and ".join(both))


def default_rules(alerts: Alerts, channels: tuple[str, ...]) -> Iterator[RuleSetting]:
    """Yield the rules that protect a model from its first call on, and its patients."""
    silent = span(int(alerts.silent_after))
    conditions = {
        "Model is silent": (f"absent(request_count over {silent})", 0.0),
        "Errors above 5 %": ("error_rate > 5%", 300.0),
        "Latency doubled against yesterday": (
            _SLOWER,
            300.0,
        ),
        "Features drifted": ("drift_score > 20%", 0.0),
        "Accuracy fell within a week": (
            "delta(diagnostic_accuracy over 7d) < -5%",
            0.0,
        ),
        "A subgroup is missed more often": (
            "sensitivity by subgroup < sensitivity - 10%",
            0.0,
        ),
        "Adverse event": ("adverse_event_count > 0", 0.0),
    }
    for name, (condition, duration) in conditions.items():
        yield RuleSetting(name, condition, "warning", duration, channels)
    yield RuleSetting(
        "Identifiers leaked", "phi_leak_count > 0", "critical", channels=channels
    )
