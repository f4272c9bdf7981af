"""Alert volume: how often the model says yes, on a chart against its reference.

A sepsis score whose alerts rise by half has changed for the ward, whatever its
features say (Wong et al., JAMA Network Open 2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from algovigil.statistics import DRIFT, INSUFFICIENT, OK
from algovigil.statistics.charts import binomial_scores, cusum
from algovigil.statistics.profile import CategoryProfile
from algovigil_processor.bins import CATEGORICAL
from algovigil_processor.bins.pairs import LABEL

if TYPE_CHECKING:
    from algovigil_processor.analyse.drift.reference import Reference
    from algovigil_processor.analyse.drift.window import Series
    from algovigil_processor.analyse.findings import Row

ALERT_VOLUME: Final = "alert_volume"
POSITIVE: Final = frozenset({"1", "1.0", "true", "positive", "malignant", "yes"})
"""Labels that count as disease where the settings name none."""


def alert_volume(
    reference: Reference,
    series: Series,
    *,
    positive: str,
    floor: float,
    run_length: float,
    last_steps: int,
) -> list[Row]:
    """Return the rate of positive labels now and its CUSUM, as findings.

    The rate is that of the *last_steps* of *series*; it is drift when the chart is
    above the limit of *run_length* steps and the rate is *floor* from its reference.
    """
    profile = reference.profiles.get((LABEL, CATEGORICAL))
    if not isinstance(profile, CategoryProfile):
        return []
    wanted = {positive} if positive else POSITIVE
    places = [
        i
        for i, level in enumerate(profile.levels)
        if level.strip().lower() in wanted or level == positive
    ]
    if not places:
        return []
    first = reference.pins.first[LABEL, CATEGORICAL]
    counts = series.counts[:, first : first + profile.counts.size]
    events, rows = counts[:, places].sum(axis=1), counts.sum(axis=1)
    before = int(profile.counts[places].sum()), profile.rows
    now = int(events[-last_steps:].sum()), int(rows[-last_steps:].sum())
    common: dict[str, Any] = {
        "feature": ALERT_VOLUME,
        "rows_reference": before[1],
        "rows_current": now[1],
        "p_value": None,
        "p_adjusted": None,
    }
    if not now[1] or not before[1]:
        nothing = {"statistic": None, "threshold": None, "status": INSUFFICIENT}
        return [common | {"method": m} | nothing for m in ("alert_rate", "cusum")]
    chart = cusum(binomial_scores(events, rows, before), run_length)
    value = float(chart.values[-1])
    rate = now[0] / now[1]
    is_large = abs(rate - before[0] / before[1]) >= floor
    status = OK if value < chart.limit else DRIFT if is_large else "warning"
    return [
        common
        | {"method": "alert_rate", "statistic": rate, "threshold": None}
        | {"status": OK},
        common
        | {"method": "cusum", "statistic": value, "threshold": chart.limit}
        | {"status": status},
    ]
