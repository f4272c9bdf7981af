"""Who there is to watch: the versions that were called within a day.

A version that falls silent stays on the roster for a day, so that its silence can be
judged; after that it counts as retired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from algovigil_processor.alert.evaluate.readings import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil_processor.alert.evaluate.reader import Store

REMEMBERED_NS: Final = 86_400 * 10**9
_OVERLAP_NS: Final = 600 * 10**9  # rows that arrive late are listed by the next read


@dataclass(frozen=True, slots=True)
class _Seen:
    last_ns: int
    services: frozenset[str]


class Roster:
    """Lists versions; after the first time it reads what is new only."""

    def __init__(self, store: Store, sql: str) -> None:
        self._store: Final = store
        self._sql: Final = sql
        self._seen: dict[Subject, _Seen] = {}
        self._read_ns = 0

    def read(self, now_ns: int) -> None:
        """List the versions called within a day before *now_ns*."""
        since_ns = max(now_ns - REMEMBERED_NS, 0)
        went_back = now_ns < self._read_ns
        known = {} if went_back else self._seen
        start_ns = max(self._read_ns - _OVERLAP_NS, since_ns) if known else since_ns
        window = {"since_ns": start_ns, "now_ns": now_ns}
        # a row per version: dozens, not one per call
        rows = self._store.query(self._sql, window).to_pylist()
        seen = {s: v for s, v in known.items() if v.last_ns > since_ns}
        for row in rows:
            subject = Subject(row["model_name"], row["model_version"])
            old = seen.get(subject, _Seen(0, frozenset()))
            seen[subject] = _Seen(
                max(old.last_ns, row["last_ns"]),
                old.services | frozenset(row["services"]),
            )
        self._seen, self._read_ns = seen, now_ns

    @property
    def versions(self) -> frozenset[Subject]:
        """The versions that are watched."""
        return frozenset(self._seen)

    @property
    def services(self) -> Mapping[str, list[Subject]]:
        """The versions that each service runs."""
        found: dict[str, list[Subject]] = {}
        for subject, seen in self._seen.items():
            for service in seen.services:
                found.setdefault(service, []).append(subject)
        return found
