"""What is left of each promise: error budget and burn rate of every version.

The budget is the share of calls that `sla` lets fail over its period; what remains of
it is 1 when untouched and below 0 when the promise is broken. The burn rate is how many
times too fast it went in the last 1/720 of the period (1 h of 30 days). Hours that are
over are counted once and remembered, so that no tick scans the whole period.

Beyer et al. (2018), The Site Reliability Workbook, chapters 2 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from algovigil_processor.analyse.findings import Found, Row, Version, head
from algovigil_processor.analyse.store import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from algovigil.config import Sla
    from algovigil_processor.analyse.store import Store

BURN_SHARE: Final = 720
"""The last part of the period that the burn rate looks at."""

_HOUR_NS: Final = 3600 * 10**9
_OPEN_HOURS: Final = 2
"""Hours that are counted again, since calls may still arrive for them."""


@dataclass(frozen=True, slots=True)
class _Calls:
    calls: int = 0
    errors: int = 0
    timed: int = 0
    slow: tuple[int, ...] = ()

    def __add__(self, other: _Calls) -> _Calls:
        slow = self.slow or (0,) * len(other.slow)
        return _Calls(
            self.calls + other.calls,
            self.errors + other.errors,
            self.timed + other.timed,
            tuple(a + b for a, b in zip(slow, other.slow, strict=True)),
        )


class Objectives:
    """Measure every version against *sla*."""

    def __init__(self, store: Store, sla: Sla) -> None:
        self._store = store
        self._allowed: Final = sla.allowed()
        given = sla.objectives()
        self._limits: Final = [v for n, v in given.items() if n.startswith("latency")]
        self._period_ns: Final = int(sla.period_days * 86_400 * 10**9)
        self._hours: dict[int, dict[Version, _Calls]] = {}

    def __call__(self, now_ns: int) -> Found:
        """Return rows of `service_metrics`: two for each promise and version."""
        if not self._allowed:
            return Found()
        start_ns = max(now_ns - self._period_ns, 0)
        self._count_hours(start_ns, now_ns)
        whole = _summed(self._hours.values())
        burn_ns = max(now_ns - self._period_ns // BURN_SHARE, 0)
        lately = _summed(self._read(burn_ns, now_ns, self._period_ns).values())
        found = Found()
        for version, calls in whole.items():
            recent = lately.get(version, _Calls())
            found.rows += self._of(version, calls, recent, now_ns, start_ns)
        return found

    def _count_hours(self, start_ns: int, now_ns: int) -> None:
        newest = max(self._hours, default=-1)
        went_back = newest > now_ns // _HOUR_NS
        first = start_ns // _HOUR_NS + 1
        if self._hours and not went_back:
            first = max(first, newest - _OPEN_HOURS + 1)
        kept = {
            hour: calls
            for hour, calls in self._hours.items()
            if start_ns // _HOUR_NS < hour < first and not went_back
        }
        self._hours = kept | self._read(first * _HOUR_NS - 1, now_ns, _HOUR_NS)

    def _read(
        self, start_ns: int, now_ns: int, bucket_ns: int
    ) -> dict[int, dict[Version, _Calls]]:
        found: dict[int, dict[Version, _Calls]] = {}
        for row in rows(
            self._store,
            "objectives",
            start_ns=start_ns,
            now_ns=now_ns,
            bucket_ns=bucket_ns,
            limits=self._limits,
        ):
            found.setdefault(row["bucket"], {})[Version.of(row)] = _counted(row)
        return found

    def _of(
        self,
        version: Version,
        whole: _Calls,
        lately: _Calls,
        now_ns: int,
        start_ns: int,
    ) -> list[Row]:
        common = head(version, now_ns, start_ns)
        found: list[Row] = []
        for metric, allowed in self._allowed.items():
            bad, of = self._bad(metric, whole)
            spent = bad / of / allowed if of else None
            remaining = None if spent is None else 1 - spent
            bad_lately, of_lately = self._bad(metric, lately)
            burn = bad_lately / of_lately / allowed if of_lately else None
            found.append(common | _figure(f"{metric}_budget_remaining", remaining, of))
            found.append(common | _figure(f"{metric}_burn_rate", burn, of_lately))
        return found

    def _bad(self, metric: str, calls: _Calls) -> tuple[int, int]:
        """Return how many of *calls* break the promise of *metric*, of how many."""
        if not metric.startswith("latency"):
            return calls.errors, calls.calls
        index = [n for n in self._allowed if n.startswith("latency")].index(metric)
        return (calls.slow[index] if calls.slow else 0), calls.timed


def _figure(metric: str, value: float | None, samples: int) -> Row:
    status = "no_data" if value is None else "ok"
    return {"metric": metric, "value": value, "samples": samples, "status": status}


def _counted(row: Mapping[str, Any]) -> _Calls:
    return _Calls(row["calls"], row["errors"], row["timed"], tuple(row["slow"]))


def _summed(buckets: Iterable[Mapping[Version, _Calls]]) -> dict[Version, _Calls]:
    total: dict[Version, _Calls] = {}
    for bucket in buckets:
        for version, calls in bucket.items():
            total[version] = total.get(version, _Calls()) + calls
    return total
