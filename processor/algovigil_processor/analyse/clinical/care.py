"""Treatments and adverse events of each version, as rows of `clinical_metrics`."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Final

from algovigil_processor.analyse.clinical import adverse, treatment
from algovigil_processor.analyse.clinical.clinical import row_of
from algovigil_processor.analyse.clinical.cohort import Size, Window
from algovigil_processor.analyse.findings import Found, Row, Version
from algovigil_processor.analyse.store import rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from algovigil.config import Clinical as ClinicalConfig
    from algovigil_processor.analyse.store import Store

_MOST: Final = 100_000
_MOST_EVENTS: Final = 500
"""Events whose distances in predictions are counted; the chart uses the first ones."""


class Care:
    """Measure what was found out about patients in the window."""

    def __init__(self, store: Store, config: ClinicalConfig) -> None:
        self._store = store
        self._config = config
        self._window_ns = int(config.window * 1e9)

    def __call__(self, now_ns: int) -> Found:
        """Return rows about treatments and adverse events, where there are any."""
        window = Window(max(now_ns - self._window_ns, 0), now_ns, now_ns)
        found = Found()
        span = {"start_ns": window.start_ns, "end_ns": now_ns, "as_of_ns": now_ns}
        treated = _by_version(rows(self._store, "treatments", limit=_MOST, **span))
        for version, given in sorted(treated.items(), key=str):
            found.add(partial(self._treatment, version, window, given))
        self._adverse(window, found)
        return found

    def _treatment(
        self, version: Version, window: Window, given: list[Row]
    ) -> list[Row]:
        size = Size(inferences=float("nan"))
        return [
            row_of(f, version, window, size, caveat=treatment.ASSOCIATION)
            for f in treatment.figures(given, self._config.min_samples)
        ]

    def _adverse(self, window: Window, found: Found) -> None:
        known = rows(
            self._store,
            "adverse_events",
            start_ns=0,
            end_ns=window.end_ns,
            as_of_ns=window.as_of_ns,
            limit=_MOST,
        )
        if not known:
            return
        by_version = _by_version(known)
        for version, events in sorted(by_version.items(), key=str):
            found.add(partial(self._events, version, window, events))

    def _events(self, version: Version, window: Window, events: list[Row]) -> list[Row]:
        inside = [row for row in events if row["happened_ns"] > window.start_ns]
        times = [row["happened_ns"] for row in inside[:_MOST_EVENTS]]
        counted = rows(
            self._store,
            "exposures",
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            events_ns=times,
        )
        exposed = {Version.of(row): row for row in counted}
        mine = exposed.get(version)
        if mine is None:  # an event of a model, without its version
            mine = _added(row for v, row in exposed.items() if v.model == version.model)
        figures = adverse.figures(
            inside,
            mine["inside"],
            (float(len(events) - len(inside)), mine["before"]),
            dict(mine["by_gap"]),
            self._window_ns,
            window.as_of_ns,
            baseline=self._config.adverse_event_baseline,
            reporting_days=self._config.reporting_days,
        )
        size = Size(inferences=mine["inside"])
        return [row_of(figure, version, window, size) for figure in figures]


def _by_version(found: Iterable[Row]) -> dict[Version, list[Row]]:
    groups: dict[Version, list[Row]] = defaultdict(list)
    for row in found:
        groups[Version.of(row)].append(row)
    return groups


def _added(found: Iterable[Row]) -> Row:
    total: Row = {"inside": 0.0, "before": 0.0, "by_gap": defaultdict(float)}
    for row in found:
        total["inside"] += row["inside"]
        total["before"] += row["before"]
        for gap, n in dict(row["by_gap"]).items():
            total["by_gap"][gap] += n
    return total
