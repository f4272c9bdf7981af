"""The chart between raw tests and an alarm: a stated rate of false alarms a year.

Each look gives one p-value for the model, that nothing at all has moved. Evidence is
added up over looks that share no prediction; only above the limit is drift named, and
until then what a single look found is a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from algovigil.statistics.charts import next_evidence
from algovigil_processor.analyse.store import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.config import DriftDetection
    from algovigil.statistics.compare import Finding
    from algovigil_processor.analyse.drift.reference import Reference
    from algovigil_processor.analyse.store import Store

_YEAR: Final = 365.25 * 86_400
_FEWEST_LOOKS: Final = 20.0
"""A run length under 1 / .05 would promise less than the raw test does."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The chart after this look; no p-value leaves it as it was."""

    value: float
    limit: float
    p_value: float | None

    @property
    def is_enough(self) -> bool:
        """Whether an alarm is within the budget."""
        return self.value >= self.limit


def run_length(config: DriftDetection) -> float:
    """Return the looks that must pass, on average, before a false alarm."""
    looks = _YEAR / max(config.interval, config.window)
    return max(looks / config.false_alarms_per_year, _FEWEST_LOOKS)


def weigh(
    store: Store,
    reference: Reference,
    findings: Sequence[Finding],
    start_ns: int,
    limit: float,
) -> Evidence:
    """Add this look to the chart of *reference*, as its last window left it.

    Looks whose windows overlap replace each other: the one before is that which ended
    when this one began.
    """
    last = rows(
        store,
        "drift/last_chart",
        model=reference.version.model,
        version=reference.version.version,
        reference_id=reference.reference_id,
        before_ns=start_ns,
    )
    before = float(last[0]["evidence"] or 0.0) if last else 0.0
    tested = [f.p_adjusted for f in findings if f.p_adjusted is not None]
    if not tested:
        return Evidence(before, limit, None)
    # the smallest of p-values adjusted as one family is one for all of them together
    smallest = min(tested)
    return Evidence(next_evidence(before, smallest), limit, smallest)
