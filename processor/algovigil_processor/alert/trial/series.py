"""Readings from series by hand instead of from the store.

A sample is what a metric came to in one interval. Without a window the newest sample
counts, for five minutes as in Prometheus; over a window ratios are averaged, counts
summed, and latencies ranked.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from algovigil_processor.alert.evaluate.readings import MISSING, Reading, Readings
from algovigil_processor.alert.rules.metrics import METRICS, QUANTILES
from algovigil_processor.alert.trial.notation import STALE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from algovigil_processor.alert.evaluate.readings import Subject
    from algovigil_processor.alert.rules.needs import Need

LOOKBACK_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one metric of one subject, one every `interval` seconds from 0."""

    metric: str
    subject: Subject
    interval: int
    samples: Sequence[float | str | None]

    def newest(self, at: int, lookback: int) -> float | None:
        """Return the newest sample not older than *lookback* seconds."""
        for index in range(min(at // self.interval, len(self.samples) - 1), -1, -1):
            sample = self.samples[index]
            if at - index * self.interval > lookback or sample == STALE:
                return None
            if sample is not None:
                return cast("float", sample)
        return None

    def window(self, until: int, seconds: int) -> list[float]:
        """Return the samples of (until - seconds, until]."""
        first = max((until - seconds) // self.interval + 1, 0)
        last = until // self.interval
        return [s for s in self.samples[first : last + 1] if isinstance(s, float)]


def readings(given: Collection[Series], needs: Collection[Need], at: int) -> Readings:
    """Return what *needs* came to *at* so many seconds after the start."""
    values: dict[Need, Mapping[Subject, Reading]] = {}
    for need in needs:
        found = {
            s.subject: _reading(s, need, at - need.offset)
            for s in given
            if s.metric == need.metric and s.subject.cut == need.cut
        }
        values[need] = {who: r for who, r in found.items() if r is not MISSING}
    roster = frozenset(s.subject for s in given if not s.subject.cut)
    return Readings(values, roster=roster)


def _reading(series: Series, need: Need, at: int) -> Reading:
    if at < 0:
        return MISSING
    is_newest = not need.over or (
        need.function == "" and METRICS[need.metric].source != "calls"
    )
    if is_newest:
        value = series.newest(at, need.over or LOOKBACK_SECONDS)
        return MISSING if value is None else Reading(value)
    samples = series.window(at, need.over)
    if not samples:
        return MISSING
    return Reading(_over(need, samples))


def _over(need: Need, samples: Sequence[float]) -> float:
    function = need.function or _natural(need.metric)
    match function:
        case "min":
            return min(samples)
        case "max":
            return max(samples)
        case "sum":
            return math.fsum(samples)
        case "count":
            return float(len(samples))
        case "stddev":
            return statistics.pstdev(samples)
        case "slow":
            return sum(s > need.argument for s in samples) / len(samples)
        case "quantile":
            level = need.argument if need.function else QUANTILES[need.metric]
            return _quantile(sorted(samples), level)
        case _:
            return math.fsum(samples) / len(samples)


def _natural(metric: str) -> str:
    if metric in QUANTILES:
        return "quantile"
    return "sum" if METRICS[metric].kind == "count" else "avg"


def _quantile(ordered: Sequence[float], level: float) -> float:
    rank = level * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)
