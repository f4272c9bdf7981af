"""Read what rules need: one query for each source, window and cut, shared by all rules.

A query that fails makes its needs unknown and leaves the others alone. A window of an
hour or more moves in steps of a sixtieth of itself and is read once a step, so that a
month of calls is not scanned at every tick.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias

from algovigil_processor.alert.evaluate.collect import calls_of, samples_of
from algovigil_processor.alert.evaluate.readings import Readings
from algovigil_processor.alert.evaluate.roster import Roster
from algovigil_processor.alert.rules.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import pyarrow as pa

    from algovigil_processor.alert.evaluate.readings import Reading, Reason, Subject
    from algovigil_processor.alert.rules.metrics import Cut, Source
    from algovigil_processor.alert.rules.needs import Need
    from algovigil_processor.batch import Batch

log: Final = logging.getLogger(__name__)

_QUERIES: Final = Path(__file__).parent / "queries"
_STEPPED_SECONDS: Final = 3600
_STEPS: Final = 60
_ROSTER_ONLY: Final = "roster"

Found: TypeAlias = "Mapping[Need, Mapping[Subject, Reading]]"


class Store(Protocol):
    """What alerting needs of the database."""

    def insert(self, batches: Sequence[Batch], token: str) -> None:
        """Insert sealed *batches*, once for one *token*."""

    def query(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> pa.Table:
        """Run our own *sql* with ClickHouse `{name:Type}` *parameters*."""


class Window(NamedTuple):
    """One query: the `calls` themselves of one cut, or the samples of a source."""

    source: Source
    is_sampled: bool
    seconds: int
    offset: int
    cut: Cut


# our own text, chosen by closed words; no user's byte is ever part of a statement
_PARTS: Final[Mapping[Cut, Mapping[str, str]]] = {
    "": {"site": "''", "subgroup": "''", "join": "", "where": ""},
    "site": {
        "site": "site",
        "subgroup": "''",
        "join": "",
        "where": "AND site != ''",
    },
    "subgroup": {
        "site": "''",
        "subgroup": "concat(part.1, ':', part.2)",
        "join": "ARRAY JOIN CAST(subgroup, 'Array(Tuple(String, String))') AS part",
        "where": "AND part.2 != ''",
    },
}


class Reader:
    """Reads needs; `seconds` is how far back each source looks by itself."""

    def __init__(self, store: Store, seconds: Mapping[Source, float]) -> None:
        self._store: Final = store
        self._seconds: Final = {source: int(s) or 1 for source, s in seconds.items()}
        self._roster: Final = Roster(store, _text(_ROSTER_ONLY))
        self._stepped: dict[tuple[Window, frozenset[Need]], tuple[int, Found]] = {}
        self.queries = 0

    def read(self, now_ns: int, needs: Collection[Need]) -> Readings:
        """Return what *needs* came to at *now_ns*. Never raises for a failed query."""
        windows = self._windows(needs)
        values: dict[Need, Mapping[Subject, Reading]] = {}
        failed: dict[Need, Reason] = {}
        roster_is_whole = self._roster_at(now_ns)
        for window, wanted in windows.items():
            found = self._found(window, frozenset(wanted), now_ns)
            if found is None or not (roster_is_whole or window.source == "calls"):
                failed.update(dict.fromkeys(wanted, "query_error"))
            else:
                values.update(found)
        self._forget(windows)
        return Readings(values, failed, self._roster.versions)

    def plan(
        self, needs: Collection[Need]
    ) -> Iterator[tuple[Window, Collection[Need], str]]:
        """Yield the queries that *needs* take, what each answers, and its statement."""
        for window, wanted in self._windows(needs).items():
            yield window, wanted, _statement(window)

    def _windows(self, needs: Collection[Need]) -> dict[Window, set[Need]]:
        windows: dict[Window, set[Need]] = defaultdict(set)
        for need in needs:
            windows[self._window(need)].add(need)
        return windows

    def is_of_calls(self, need: Need) -> bool:
        """Whether *need* is measured of the calls themselves, not of samples."""
        return not self._window(need).is_sampled

    def _window(self, need: Need) -> Window:
        source = METRICS[need.metric].source
        is_sampled = source != "calls" or need.function not in ("", "slow")
        cut = "" if is_sampled else need.cut
        seconds = need.over or self._seconds[source]
        return Window(source, is_sampled, seconds, need.offset, cut)

    def _roster_at(self, now_ns: int) -> bool:
        try:
            self.queries += 1
            self._roster.read(now_ns)
        except Exception as error:
            log.warning("models not listed: %s", type(error).__name__)
            return False
        return True

    def _found(
        self, window: Window, wanted: frozenset[Need], now_ns: int
    ) -> Found | None:
        until_ns = now_ns - window.offset * 10**9
        if window.seconds < _STEPPED_SECONDS or window.is_sampled:
            return self._query(window, wanted, until_ns)
        until_ns -= until_ns % (window.seconds * 10**9 // _STEPS)
        key = (window, wanted)
        at_ns, found = self._stepped.get(key, (0, None))
        if found is None or at_ns != until_ns:
            found = self._query(window, wanted, until_ns)
            if found is not None:
                self._stepped[key] = (until_ns, found)
        return found

    def _forget(self, windows: Mapping[Window, set[Need]]) -> None:
        live = {(window, frozenset(wanted)) for window, wanted in windows.items()}
        for key in self._stepped.keys() - live:
            del self._stepped[key]

    def _query(
        self, window: Window, wanted: frozenset[Need], until_ns: int
    ) -> Found | None:
        limits = sorted({n.argument for n in wanted if n.function == "slow"})
        parameters: dict[str, object] = {
            "since_ns": max(until_ns - window.seconds * 10**9, 0),
            "now_ns": until_ns,
        }
        if not window.is_sampled:
            parameters["limits"] = limits
        try:
            self.queries += 1
            # a row per version, part and metric: dozens a tick, not a row per call
            rows = self._store.query(_statement(window), parameters).to_pylist()
        except Exception as error:
            log.warning("%s not read: %s", window.source, type(error).__name__)
            return None
        if window.is_sampled:
            return samples_of(rows, wanted, self._roster.services)
        return calls_of(rows, wanted, limits, window.seconds)


@cache
def _text(name: str) -> str:
    return (_QUERIES / f"{name}.sql").read_text(encoding="ascii")


def _statement(window: Window) -> str:
    if window.is_sampled:
        inner = _text(f"{window.source}_samples")
        return _text("samples").replace("{samples}", inner)
    sql = _text("calls")
    for name, part in _PARTS[window.cut].items():
        sql = sql.replace(f"{{{name}}}", part)
    return sql
