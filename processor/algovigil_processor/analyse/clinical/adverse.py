"""Adverse events under a model's advice: rates, a chart over exposures, deadlines."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK
from algovigil.statistics.poisson import garwood
from algovigil.statistics.risk_cusum import limit_for
from algovigil_processor.analyse.clinical.figures import Figure, grouped
from algovigil_processor.analyse.clinical.subgroups import WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from algovigil_processor.analyse.findings import Row

_SERIOUS: Final = frozenset(
    [
        "serious",
        "severe",
        "critical",
        "fatal",
        "death",
        "life-threatening",
        "life_threatening",
        "hospitalisation",
        "hospitalization",
        "disability",
    ]
)
_ODDS: Final = 2.0  # the chart looks for a doubling
_DAY_NS: Final = 86_400 * 10**9
_YEAR_NS: Final = 365 * _DAY_NS


def is_serious(severity: str) -> bool:
    """Return whether an event of *severity* has a reporting deadline."""
    return severity in _SERIOUS


def due_ns(row: Row, reporting_days: float) -> int | None:
    """Return when the event of *row* is to be reported; None when it needs not be.

    The clock starts when the event was first heard of (EU 2024/1689, article 73).
    """
    if not is_serious(row["severity"]) or row["reported"]:
        return None
    return int(row["heard_ns"] + reporting_days * _DAY_NS)


def figures(
    events: Sequence[Row],
    exposures: float,
    before: tuple[float, float],
    gaps: dict[int, float],
    span_ns: int,
    now_ns: int,
    *,
    baseline: float,
    reporting_days: float,
) -> Iterator[Figure]:
    """Yield count, rate by severity, chart and overdue reports of one version.

    *before* are events and exposures before the window, from which the expected rate
    comes unless *baseline* is one; *gaps* are exposures before the first event of the
    window (1), the second (2) and so on.
    """
    yield _count(len(events), exposures)
    yield _rate(len(events), exposures)
    severities = sorted({row["severity"] or "unknown" for row in events})
    for severity in severities:
        n = sum((row["severity"] or "unknown") == severity for row in events)
        yield grouped(_rate(n, exposures), "severity", severity)
    late = [due for row in events if (due := due_ns(row, reporting_days)) is not None]
    overdue = sum(due < now_ns for due in late)
    yield Figure(
        metric="adverse_events_overdue",
        value=float(overdue),
        lower=None,
        upper=None,
        numerator=float(overdue),
        denominator=float(len(late)),
        n=len(events),
        method="count",
        status=WARNING if overdue else OK,
        reference="reporting_days",
        reference_value=reporting_days,
    )
    expected = baseline or (before[0] / before[1] if before[1] and before[0] else 0.0)
    yield _chart(len(events), exposures, gaps, expected, span_ns)


def _count(n: int, exposures: float) -> Figure:
    found = garwood(n, 1.0)
    return Figure(
        "adverse_event_count",
        float(n),
        found.lower,
        found.upper,
        float(n),
        exposures,
        n,
        "garwood",
    )


def _rate(n: int, exposures: float) -> Figure:
    """Return events per 1000 predictions with Garwood's exact interval."""
    found = garwood(n, exposures / 1000)
    return Figure(
        metric="adverse_event_rate",
        value=found.value,
        lower=found.lower,
        upper=found.upper,
        numerator=float(n),
        denominator=exposures,
        n=n,
        method="garwood",
        status=found.status,
    )


def _chart(
    n: int, exposures: float, gaps: dict[int, float], expected: float, span_ns: int
) -> Figure:
    """Return the highest point of the CUSUM for doubled odds, beside its limit.

    The limit gives one false alarm a year at this many predictions.
    """
    metric, method = "adverse_event_cusum", "cusum_odds_2"
    if not 0 < expected < 0.5 or not exposures:
        return Figure(
            metric, None, None, None, float(n), exposures, n, method, INSUFFICIENT
        )
    a_year = max(exposures * _YEAR_NS / max(span_ns, 1), 100.0)
    limit = _limit(round(math.log(expected), 1), round(math.log(a_year), 1))
    quiet = -math.log1p((_ODDS - 1) * expected)
    level = peak = 0.0
    # one turn an event; the exposures between two events are one step
    for event in range(1, n + 1):
        level = max(0.0, level + quiet * max(gaps.get(event, 0.0) - 1, 0.0))
        level += math.log(_ODDS) + quiet
        peak = max(peak, level)
        if level > limit:
            level = 0.0
    return Figure(
        metric=metric,
        value=peak,
        lower=None,
        upper=None,
        numerator=float(n),
        denominator=expected * exposures,
        n=n,
        method=method,
        status=WARNING if peak > limit else OK,
        reference="limit",
        reference_value=limit,
    )


@lru_cache(maxsize=256)
def _limit(log_expected: float, log_wanted: float) -> float:
    return limit_for(np.array([math.exp(log_expected)]), _ODDS, math.exp(log_wanted))
