"""Read what rules judge: the newest value of every metric of every model version.

One query for each source and tick, whatever the number of rules; a source that does
not answer makes its metrics unknown and leaves the others alone.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from algovigil_processor.alert.evaluate.logic import Reading
from algovigil_processor.alert.rules.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa

    from algovigil_processor.alert.evaluate.logic import Reason
    from algovigil_processor.alert.rules.metrics import Metric, Source
    from algovigil_processor.batch import Batch

log: Final = logging.getLogger(__name__)

_QUERIES: Final = Path(__file__).parent / "queries"
_JUDGED: Final = ("ok", "drift")


class Store(Protocol):
    """What alerting needs of the database."""

    def insert(self, batches: Sequence[Batch], token: str) -> None:
        """Insert sealed *batches*, once for one *token*."""

    def query(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> pa.Table:
        """Run our own *sql* with ClickHouse `{name:Type}` *parameters*."""


class Subject(NamedTuple):
    """What a rule judges, one by one: a version of a model, or a part of its calls.

    `site` and `subgroup` (`name:value`) are '' where all calls count.
    """

    model: str
    version: str
    site: str = ""
    subgroup: str = ""


@dataclass(frozen=True, slots=True)
class Readings:
    """The values of one tick; sources in `failed` did not answer."""

    by_subject: Mapping[Subject, Mapping[str, Reading]]
    failed: frozenset[Source] = field(default_factory=frozenset)

    def of(self, subject: Subject) -> Mapping[str, Reading]:
        """Return the readings of *subject* by metric name, failures included."""
        known = self.by_subject.get(subject, {})
        if not self.failed:
            return known
        error = Reading(None, "query_error")
        lost = {name: error for name, m in METRICS.items() if m.source in self.failed}
        return {**known, **lost}


class ReadingReader:
    """Reads the sources that the rules name, each as far back as it stays valid."""

    def __init__(
        self, store: Store, seconds: Mapping[Source, float], min_samples: int
    ) -> None:
        self._store: Final = store
        self._seconds: Final = seconds
        self._min_samples: Final = min_samples
        self._sql: Final = {
            source: (_QUERIES / f"{source}.sql").read_text(encoding="ascii")
            for source in seconds
        }

    def read(self, now_ns: int, sources: Collection[Source]) -> Readings:
        """Return what *sources* say at *now_ns*. Never raises for a failed query."""
        values: dict[Subject, dict[str, Reading]] = defaultdict(dict)
        failed: set[Source] = set()
        for source in sorted(sources):
            rows = self._query(source, now_ns)
            if rows is None:
                failed.add(source)
            else:
                self._collect(rows, source, values)
        return Readings(values, frozenset(failed))

    def _query(
        self, source: Source, now_ns: int
    ) -> Sequence[Mapping[str, object]] | None:
        since_ns = max(now_ns - int(self._seconds[source] * 1e9), 0)
        parameters = {"since_ns": since_ns, "now_ns": now_ns}
        try:
            # a row per model version and metric: dozens a tick, not a row per call
            return self._store.query(self._sql[source], parameters).to_pylist()
        except Exception as error:
            log.warning("%s metrics not read: %s", source, type(error).__name__)
            return None

    def _collect(
        self,
        rows: Sequence[Mapping[str, object]],
        source: Source,
        values: dict[Subject, dict[str, Reading]],
    ) -> None:
        for row in rows:
            name = str(row["metric"])
            metric = METRICS.get(name)
            if metric is not None and metric.source == source:
                subject = Subject(str(row["model_name"]), str(row["model_version"]))
                values[subject][name] = self._reading(row, metric)

    def _reading(self, row: Mapping[str, object], metric: Metric) -> Reading:
        value, samples = row["value"], row["samples"]
        reason: Reason = ""
        if row["status"] not in _JUDGED:
            reason = "insufficient_data"
        elif not isinstance(value, (int, float)) or not math.isfinite(value):
            reason = "not_a_number"
        elif metric.needs_samples and (
            not isinstance(samples, int) or samples < self._min_samples
        ):
            reason = "low_n"
        else:
            return Reading(float(value))
        return Reading(None, reason)
