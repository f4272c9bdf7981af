"""Copy changes, transitions and attempts to ClickHouse, where SQL finds them.

Rows leave in groups that are named and fixed before the first try, so that a try
repeated after a kill inserts the same bytes under the same token: once, that is.
A store that is away costs nothing but the delay.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import sqlalchemy as sa

from algovigil_processor.alert.tables import ATTEMPTS, CHANGES, TRANSITIONS
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.schema import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from algovigil_processor.alert.evaluate.reader import Store
    from algovigil_processor.pipeline import Stage
    from algovigil_processor.schema import Table
    from algovigil_processor.state import State

log: Final = logging.getLogger(__name__)

_GROUP_ROWS: Final = 10_000
_SOURCES: Final[Mapping[Table, sa.Table]] = {
    "alert_changes": CHANGES,
    "alert_events": TRANSITIONS,
    "deliveries": ATTEMPTS,
}
# columns whose names differ: ours -> ClickHouse's
_COLUMNS: Final = {
    "timestamp": "at_ns",
    "model_name": "model",
    "model_version": "version",
    "state_from": "before",
    "state_to": "after",
    "retry_at": "retry_ns",
    "starts": "starts_ns",
    "ends": "ends_ns",
}


class Mirror:
    """Copies what is not yet in ClickHouse. Thread safe."""

    def __init__(self, state: State, store: Store, redact: Stage) -> None:
        self._state: Final = state
        self._store: Final = store
        self._redact: Final = redact
        self._lock: Final = threading.Lock()

    def run(self) -> None:
        """Copy all that waits; what fails waits for the next call. Never raises."""
        if not self._lock.acquire(blocking=False):
            return  # another thread is at it
        try:
            for table, source in _SOURCES.items():
                self._name_group(source)
                for token in self._waiting(source):
                    self._copy(table, source, token)
        except Exception as error:
            log.warning("alert history waits: %s", type(error).__name__)
        finally:
            self._lock.release()

    def _name_group(self, source: sa.Table) -> None:
        fresh = (
            sa.select(source.c.id, source.c.at_ns)
            .where(source.c.mirrored.is_(False), source.c.mirror_token.is_(None))
            .order_by(source.c.id)
            .limit(_GROUP_ROWS)
        )
        with self._state.read() as db:
            rows = db.execute(fresh).all()
        if not rows:
            return
        first, last = rows[0], rows[-1]
        # the time tells apart the ids of this database from those of one begun anew
        token = f"{source.name}-{first.id}-{last.id}-{first.at_ns}"
        with self._state.write() as db:
            db.execute(
                sa.update(source)
                .where(source.c.id.between(first.id, last.id))
                .values(mirror_token=token)
            )

    def _waiting(self, source: sa.Table) -> list[str]:
        query = (
            sa.select(source.c.mirror_token)
            .where(source.c.mirrored.is_(False), source.c.mirror_token.is_not(None))
            .group_by(source.c.mirror_token)
            .order_by(sa.func.min(source.c.id))
        )
        with self._state.read() as db:
            return list(db.execute(query).scalars())

    def _copy(self, table: Table, source: sa.Table, token: str) -> None:
        group = source.c.mirror_token == token
        query = sa.select(source).where(group).order_by(source.c.id)
        with self._state.read() as db:
            rows = db.execute(query).all()
        try:
            self._store.insert([self._redact(_batch(table, rows))], token)
        except Exception as error:
            log.warning("%s wait for the store: %s", table, type(error).__name__)
            return
        with self._state.write() as db:
            db.execute(sa.update(source).where(group).values(mirrored=True))


def _batch(table: Table, rows: Sequence[sa.Row[Any]]) -> Batch:
    schema = SCHEMAS[table]
    arrays = [
        pa.array(
            [getattr(row, _COLUMNS.get(field.name, field.name)) for row in rows],
            field.type,
        )
        for field in schema
    ]
    columns = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return Batch(table, columns, Origin("internal", rows[0].at_ns))
