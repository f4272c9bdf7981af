"""When a drifting feature began to drift, and what happened at that time.

What happened is on one axis of time: versions, sites, devices and subgroups seen for
the first time, references put in force, codes that were never used before. That two
things happened together is a lead for a person, and not a cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from algovigil.statistics.change_point import change_point
from algovigil.statistics.profile import CategoryProfile
from algovigil_processor.analyse.store import rows
from algovigil_processor.bins.pairs import CASE_MIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from algovigil_processor.analyse.drift.reference import Reference
    from algovigil_processor.analyse.drift.window import Series
    from algovigil_processor.analyse.findings import Row
    from algovigil_processor.analyse.store import Store

_SECOND: Final = 1_000_000_000
_ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened for the first time, and in which second."""

    cause: str
    value: str
    second: int


def changes(
    reference: Reference,
    series: Series,
    drifted: Iterable[str],
    events: list[Event],
    rng: np.random.Generator,
) -> list[Row]:
    """Return rows of `drift_changes`, without their heads: one a *drifted* feature.

    A feature whose change lies before the series, or that changed gradually, has no
    date that the data would support, and no row.
    """
    names = set(drifted)
    found = []
    for key, first in reference.pins.first.items():
        if key[0] not in names:
            continue
        width = reference.profiles[key].counts.size
        point = change_point(series.counts[:, first : first + width], rng)
        if point is None or point.p_value > _ALPHA:
            continue
        begin, changed, end = (
            int(series.seconds[i]) for i in (point.earliest, point.bucket, point.latest)
        )
        near = _nearest(events, changed, begin, end, series.step_seconds)
        found.append(
            {
                "feature": key[0],
                "changed": changed * _SECOND,
                "earliest": begin * _SECOND,
                "latest": (end + series.step_seconds) * _SECOND,
                "statistic": point.statistic,
                "p_value": point.p_value,
                "cause": near.cause if near else "",
                "cause_value": near.value if near else "",
                "cause_time": near.second * _SECOND if near else None,
            }
        )
    return found


def happened(
    store: Store, reference: Reference, series: Series, start_ns: int, end_ns: int
) -> list[Event]:
    """Return what happened for the first time in a span (excluded, included)."""
    found = rows(
        store,
        "drift/events",
        model=reference.version.model,
        version=reference.version.version,
        reference_id=reference.reference_id,
        start=start_ns // _SECOND,
        end=end_ns // _SECOND,
    )
    known = {
        value if key in ("site", "device") else f"{key}={value}"
        for key, value in reference.subgroups
    }
    events = [
        Event(row["cause"], row["value"], row["at"])
        for row in found
        if row["value"] not in known or row["cause"] in ("version", "reference")
    ]
    return events + _new_codes(reference, series)


def _new_codes(reference: Reference, series: Series) -> list[Event]:
    """Return the first step in which a category had a level it never had before."""
    events = []
    for key, profile in reference.profiles.items():
        if key[0].startswith(CASE_MIX):
            continue  # a new site is an event of its own
        if isinstance(profile, CategoryProfile) and not profile.counts[-2]:
            other = reference.pins.first[key] + profile.counts.size - 2
            used = np.flatnonzero(series.counts[:, other])
            if used.size:
                events.append(Event("coding", key[0], int(series.seconds[used[0]])))
    return events


def _nearest(
    events: list[Event], changed: int, begin: int, end: int, step: int
) -> Event | None:
    """Return the event nearest to the change, if within its credible steps."""
    within = [e for e in events if begin - step <= e.second <= end + step]
    return min(within, key=lambda e: abs(e.second - changed), default=None)
