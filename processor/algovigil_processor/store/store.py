"""`Store`: the one owner of the ClickHouse that holds everything.

It takes sealed batches only, and a batch arrives in a table exactly once per token:
ClickHouse remembers tokens in the table itself, so this holds over kills and restarts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from algovigil_processor.errors import Permanent
from algovigil_processor.store.embedded import Embedded
from algovigil_processor.store.engine import insert_error, query_error
from algovigil_processor.store.migrate import migrate
from algovigil_processor.store.retention import retain
from algovigil_processor.store.server import Remote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from algovigil_processor.batch import Batch
    from algovigil_processor.store.engine import Engine, Session
    from algovigil_processor.store.location import Server
    from algovigil_processor.telemetry import Telemetry

_WITH_POLICY: Final = "PhiPolicy"


class Reader:
    """A read-only session for statements of users, with limits of its own."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.close = session.close

    def raw(
        self,
        sql: str,
        output_format: str,
        parameters: Mapping[str, object] | None = None,
    ) -> bytes:
        """Return the result of *sql* in any ClickHouse format.

        Raises:
            QueryError: ClickHouse refused it, in ClickHouse's words.
        """
        try:
            return self._session.text(sql, output_format, parameters)
        except Exception as error:
            raise query_error(error) from None


class Store:
    """The ClickHouse of one processor. Thread safe."""

    def __init__(
        self,
        where: Path | Server,
        telemetry: Telemetry,
        *,
        rollup_seconds: int = 60,
        ttl_days: Mapping[str, int] | None = None,
    ) -> None:
        """Open the database at *where* and bring it to this version's schema.

        Args:
            where: A directory, or a server.
            telemetry: Counts rows stored.
            rollup_seconds: Width of a rollup bucket, from now on.
            ttl_days: Days that each table keeps its rows; without it, for ever.

        Raises:
            StartError: it cannot be opened, or is of a newer version.
            Retryable: the server is away.
        """
        self._telemetry = telemetry
        self._engine: Engine = (
            Embedded(where) if isinstance(where, Path) else Remote(where)
        )
        try:
            migrate(self._engine, rollup_seconds=rollup_seconds)
            retain(self._engine, ttl_days or {})
        except BaseException:
            self._engine.close()
            raise

    def insert(self, batches: Sequence[Batch], token: str) -> None:
        """Put *batches* into their tables, each table once per *token*.

        Raises:
            Permanent: a batch is unsealed, or ClickHouse cannot take such rows.
            Retryable: the same call may succeed later.
        """
        by_table: dict[str, list[pa.RecordBatch]] = {}
        for batch in batches:
            if batch.policy is None:
                raise Permanent(f"{batch.table}: unsealed rows are never stored")
            rows = batch.rows
            if batch.table.startswith("otel_"):
                seal = pa.repeat(pa.scalar(batch.policy), rows.num_rows)
                rows = rows.append_column(_WITH_POLICY, seal)
            by_table.setdefault(batch.table, []).append(rows)
        for table, parts in by_table.items():
            rows = pa.Table.from_batches(parts).combine_chunks()
            self._insert(table, rows, f"{token}/{table}")

    def _insert(self, table: str, rows: pa.Table, token: str) -> None:
        if not rows.num_rows:
            return
        try:
            self._engine.insert(table, rows, token)
        except Exception as error:
            raise insert_error(table, error) from None
        self._telemetry.count("store.rows", rows.num_rows, table=table)

    def flush(self) -> None:
        """Return when every row inserted before survives a loss of power.

        Raises:
            OSError: the disk refuses.
        """
        self._engine.flush()

    def query(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> pa.Table:
        """Return the result of a statement of ours; parameters are `{name:Type}`.

        Raises:
            QueryError: ClickHouse refused it; code 0 when it did not answer.
        """
        try:
            return self._engine.arrow(sql, parameters)
        except Exception as error:
            raise query_error(error) from None

    def execute(self, sql: str) -> None:
        """Run a statement of ours that returns nothing.

        Raises:
            QueryError: ClickHouse refused it.
        """
        try:
            self._engine.text(sql, "Null", None)
        except Exception as error:
            raise query_error(error) from None

    def reader(self, limits: Mapping[str, int | str]) -> Reader:
        """Open a read-only session with *limits*, ClickHouse settings."""
        return Reader(self._engine.reader(limits))

    def close(self) -> None:
        """Close the connection; everything inserted stays."""
        self._engine.close()
