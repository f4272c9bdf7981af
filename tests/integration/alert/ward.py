"""A ward to watch: a real store, readings put by hand, alerting on a state of its own.

Each test lives on a day of its own, so that tests of a module can share one store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from algovigil.config import (
    Alerts,
    Channel,
    Escalation,
    Grouping,
    MonitoringConfig,
    Rule,
)
from algovigil_processor.alert import Alerting
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.schema import SCHEMAS
from algovigil_processor.state import State
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from algovigil_processor.schema import Table
    from algovigil_processor.store import Store

SECOND = 10**9
LOOPBACK = ("127.0.0.0/8", "::1/128")
# every second is a slot, and none that passed is caught up unless a test asks for it
_BRISK: dict[str, Any] = {
    "window": 10.0,
    "interval": 1.0,
    "replay": 0.0,
    "defaults": False,
}


def seal(batch: Batch) -> Batch:
    """A redact stage for rows that name no patient."""
    return batch.sealed(batch.rows, "test")


class Flaky:
    """The store, which can be away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.takes_inserts = True
        self.away_for: tuple[str, ...] = ()

    def insert(self, batches: Sequence[Batch], token: str) -> None:
        """Insert, or fail."""
        if not self.takes_inserts:
            raise ConnectionError
        self._store.insert(batches, token)

    def query(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> pa.Table:
        """Query, or fail for the tables in `away_for`."""
        if any(table in sql for table in self.away_for):
            raise ConnectionError
        return self._store.query(sql, parameters)


class Ward:
    """One test's store, state, clock and alerting."""

    def __init__(self, store: Store, data_dir: Path, now_ns: int) -> None:
        self.store = Flaky(store)
        self.data_dir = data_dir
        self.now_ns = now_ns
        self.telemetry = Telemetry()
        self._state: State | None = None
        self._puts = 0

    def put(self, table: Table, *rows: Mapping[str, Any]) -> None:
        """Put *rows* of one table; what they leave out has a default."""
        common = {
            "timestamp": self.now_ns,
            "model_name": "wdbc",
            "model_version": "1",
            "window_start": self.now_ns,
            "window_end": self.now_ns,
            "status": "ok",
        }
        filled = [
            {f.name: _default(f) for f in SCHEMAS[table]} | common | dict(row)
            for row in rows
        ]
        names = SCHEMAS[table].names
        filled = [{k: v for k, v in row.items() if k in names} for row in filled]
        batch = pa.RecordBatch.from_pylist(filled, schema=SCHEMAS[table])
        self._puts += 1
        token = f"{self.now_ns}-{self._puts}"
        self.store.insert([seal(Batch(table, batch, Origin("test", 0)))], token)

    def calls(self, n: int = 100, *, errors: int = 0, **row: Any) -> None:
        """Put *n* calls of now, the first *errors* of them failed, each like *row*."""
        self.calls_like(
            [{"error_type": "Failed" if i < errors else ""} | row for i in range(n)]
        )

    def calls_like(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put a call for each of *rows*; what they leave out has a default."""
        common = {
            "duration_ms": 100.0,
            "features": {},
            "missing": [],
            "categories": {},
            "subgroup": {},
            "row_weight": 1.0,
        }
        made = [
            common | {"inference_id": f"i{self.now_ns}-{self._puts}-{i}"} | dict(row)
            for i, row in enumerate(rows)
        ]
        self.put("inferences", *made)

    def slow(self, ms: float, n: int = 100, **row: Any) -> None:
        """Put *n* calls that took *ms* each, beyond the reach of earlier ones."""
        self.calls(n, duration_ms=ms, **row)

    def open(
        self,
        *rules: Rule,
        channels: Mapping[str, Channel] | None = None,
        escalation: Escalation | None = None,
        **alerts: Any,
    ) -> Alerting:
        """Start alerting on the state an earlier one left.

        Calls count for 10 s and groups do not wait, unless *alerts* says so.
        """
        self.close()
        alerts = {"grouping": Grouping(wait=0, interval=0)} | alerts
        self._state = State.open("", self.data_dir)
        config = MonitoringConfig(
            alerts=Alerts(
                rules=rules,
                channels=channels or {},
                private_networks=LOOPBACK,
                **_BRISK | alerts,
            ),
            escalation=escalation or Escalation(),
        )
        return Alerting(self.store, seal, self._state, config, self.telemetry)

    def close(self) -> None:
        """Stop; the state stays."""
        if self._state is not None:
            self._state.close()

    @property
    def state(self) -> State:
        """The open state."""
        assert self._state is not None
        return self._state

    def later(self, seconds: float) -> int:
        """Let time pass, and return it."""
        self.now_ns += int(seconds * SECOND)
        return self.now_ns

    def mirrored(self, table: str, columns: str) -> list[tuple[object, ...]]:
        """Return *columns* of the rows that this test's day has in ClickHouse."""
        day = self.now_ns // (86_400 * SECOND) * 86_400
        found = self.store.query(
            f"SELECT {columns} FROM {table}"
            f" WHERE toUnixTimestamp(timestamp) BETWEEN {day} AND {day + 86_400}"
            " ORDER BY timestamp"
        )
        return [tuple(row.values()) for row in found.to_pylist()]


def _default(field: pa.Field) -> object:
    if pa.types.is_string(field.type):
        return ""
    return 0 if pa.types.is_unsigned_integer(field.type) else None
