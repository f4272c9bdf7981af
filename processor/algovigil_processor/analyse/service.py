"""Service levels of each version: latency, errors, throughput, availability.

A version that falls silent is said to have `no_data`: it must not look like one that
answers at once and never fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from algovigil_processor.analyse.findings import Found, Row, Version, each, finite, head
from algovigil_processor.analyse.store import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil_processor.analyse.store import Store

REMEMBERED_SECONDS: Final = 86_400
"""How long a silent version is reported as silent before it counts as retired."""

_MEASURED: Final = (
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "error_rate",
    "availability",
)


class Service:
    """Measure the calls of the last window; remembers which versions it has seen."""

    def __init__(self, store: Store, window_seconds: float) -> None:
        self._store = store
        self._window_ns = int(window_seconds * 1e9)
        self._last_ns: dict[Version, int] | None = None

    def __call__(self, now_ns: int) -> Found:
        """Return rows of `service_metrics`: seven a version."""
        start_ns = max(now_ns - self._window_ns, 0)
        seen = self._seen(now_ns)
        active = rows(self._store, "service", start_ns=start_ns, now_ns=now_ns)
        seen |= {Version.of(row): row["last_ns"] for row in active}
        called = {Version.of(row) for row in active}
        silent = [version for version in seen if version not in called]
        self._last_ns = seen
        found = each(active, lambda row: self._levels(row, now_ns, start_ns))
        for version in silent:
            found.rows += self._silence(version, now_ns, start_ns)
        return found

    def _seen(self, now_ns: int) -> dict[Version, int]:
        """Return the versions called lately; from the store after a start."""
        since_ns = max(now_ns - REMEMBERED_SECONDS * 10**9, 0)
        if self._last_ns is None:
            found = rows(self._store, "versions_seen", start_ns=since_ns, now_ns=now_ns)
            return {Version.of(row): row["last_ns"] for row in found}
        return {v: last for v, last in self._last_ns.items() if last > since_ns}

    def _levels(self, row: Mapping[str, Any], now_ns: int, start_ns: int) -> list[Row]:
        calls = row["calls"]
        failed = row["errors"] / calls
        latency = [finite(value) for value in row["latency"]]
        values = dict(
            zip(_MEASURED, (*latency, failed, 1 - failed), strict=True),
            throughput=calls / (self._window_ns / 1e9),
            request_count=float(calls),
        )
        common = head(Version.of(row), now_ns, start_ns) | {"samples": calls}
        return [
            common
            | {
                "metric": metric,
                "value": value,
                "status": "no_data" if value is None else "ok",
            }
            for metric, value in values.items()
        ]

    def _silence(self, version: Version, now_ns: int, start_ns: int) -> list[Row]:
        # that there were no calls is a fact; how fast they were answered is not
        values: dict[str, float | None] = dict.fromkeys(_MEASURED)
        values |= {"throughput": 0.0, "request_count": 0.0}
        common = head(version, now_ns, start_ns) | {"samples": 0, "status": "no_data"}
        return [
            common | {"metric": metric, "value": value}
            for metric, value in values.items()
        ]
