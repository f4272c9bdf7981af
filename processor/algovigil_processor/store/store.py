"""`Store`: the one owner of the ClickHouse that holds everything.

It takes sealed batches only, and a batch arrives in a table exactly once per token:
ClickHouse remembers tokens in the table itself, so this holds over kills and restarts.
No insert passes through a file: Arrow columns go into the engine by memory.
"""

from __future__ import annotations

import contextlib
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from algovigil.errors import explain
from algovigil_processor.errors import Permanent, ProcessorError, Retryable, StartError
from algovigil_processor.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from algovigil_processor.batch import Batch
    from algovigil_processor.telemetry import Telemetry

DATABASE: Final = "otel"
_CODE: Final = re.compile(r"Code: (\d+)")

# Codes that a later try may not meet: timeouts, memory, disk, too many parts, network.
_PASSING: Final = frozenset({159, 160, 202, 209, 210, 241, 243, 252, 425, 999, 1002})

# One thread and one block, so that block numbers and tokens are the same on replay;
# requests may span any number of days.
_INSERT: Final = """
INSERT INTO otel.{table} ({columns}) SELECT {columns} FROM Python(rows)
SETTINGS insert_deduplication_token = '{token}', max_threads = 1,
    max_insert_threads = 1, max_block_size = 100000000,
    min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 0,
    max_partitions_per_insert_block = 0,
    deduplicate_blocks_in_dependent_materialized_views = 1
"""
_WITH_POLICY: Final = "PhiPolicy"


class QueryError(ProcessorError):
    """ClickHouse refused a statement; the text is ClickHouse's own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def database_path(url: str, data_dir: Path) -> Path:
    """Return where the embedded database of *url* lives; '' is in *data_dir*.

    Raises:
        StartError: *url* is not one that this processor serves.
    """
    if not url:
        return data_dir / "clickhouse"
    if url.startswith("chdb:///"):
        return Path(url.removeprefix("chdb://"))
    scheme = url.partition("://")[0]
    raise StartError(
        explain(
            f"storage.url with scheme `{scheme}`",
            "`chdb:///absolute/path`",
            "leave it out for the embedded ClickHouse in the data directory",
        )
    )


class _Session:
    """One chDB session; its engine is single-user, so calls take turns.

    chDB hands the partial output of a failed statement to the next one of the same
    session, so a session that failed is replaced before it is used again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._settings: list[str] = []
        self._lock = threading.Lock()
        self._session = self._opened()

    def _opened(self) -> Any:
        from chdb import session

        try:
            opened = session.Session(str(self._path))
            opened.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
            opened.query(f"USE {DATABASE}")
            for statement in self._settings:
                opened.query(statement)
        except Exception as error:
            raise StartError(
                explain(
                    f"the database at {self._path} does not open: {_first_line(error)}",
                    "a directory that no other process has open",
                    "stop the other processor, or name another --data-dir",
                )
            ) from None
        return opened

    def set(self, statements: Sequence[str]) -> None:
        """Apply settings, now and to every replacement of this session."""
        with self._lock:
            for statement in statements:
                self._session.query(statement)
            self._settings += statements

    @contextlib.contextmanager
    def _turn(self) -> Iterator[Any]:
        with self._lock:
            try:
                yield self._session
            except Exception:
                self._session.close()
                self._session = self._opened()
                raise

    def arrow(self, sql: str, parameters: Mapping[str, object] | None) -> pa.Table:
        with self._turn() as session:
            return session.query(sql, "ArrowTable", params=dict(parameters or {}))

    def text(
        self, sql: str, output_format: str, parameters: Mapping[str, object] | None
    ) -> bytes:
        with self._turn() as session:
            result = session.query(sql, output_format, params=dict(parameters or {}))
            return bytes(result.bytes())

    def insert(self, sql: str, rows: pa.Table) -> None:
        # chDB finds `rows` by its name in this frame
        with self._turn() as session:
            session.query(sql)

    def close(self) -> None:
        with self._lock:
            self._session.close()


class Reader:
    """A read-only session for statements of users, with limits of its own."""

    def __init__(self, session: _Session, limits: Mapping[str, int | str]) -> None:
        self._session = session
        session.set(
            [f"SET {name} = {value!r}" for name, value in limits.items()]
            + ["SET readonly = 1"]
        )

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
            raise _query_error(error) from None

    def close(self) -> None:
        """Give the session back."""
        self._session.close()


class Store:
    """The ClickHouse of one processor. Thread safe."""

    def __init__(
        self, path: Path, telemetry: Telemetry, *, rollup_seconds: int = 60
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._telemetry = telemetry
        self._writer = _Session(path)
        self._reader = _Session(path)
        migrate(self._writer, rollup_seconds=rollup_seconds)

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
        columns = ", ".join(f"`{name}`" for name in rows.column_names)
        try:
            self._writer.insert(
                # names come from schema, the token from us
                _INSERT.replace("{table}", table)
                .replace("{columns}", columns)
                .replace("{token}", token),
                rows,
            )
        except Exception as error:
            problem = _query_error(error)
            if problem.code in _PASSING or not problem.code:
                raise Retryable(f"{table}: ClickHouse code {problem.code}") from None
            raise Permanent(f"{table}: ClickHouse code {problem.code}") from None
        self._telemetry.count("store.rows", rows.num_rows, table=table)

    def query(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> pa.Table:
        """Return the result of a statement of ours; parameters are `{name:Type}`.

        Raises:
            QueryError: ClickHouse refused it.
        """
        try:
            return self._reader.arrow(sql, parameters)
        except Exception as error:
            raise _query_error(error) from None

    def reader(self, limits: Mapping[str, int | str]) -> Reader:
        """Open a read-only session with *limits*, ClickHouse settings."""
        return Reader(_Session(self._path), limits)

    def close(self) -> None:
        """Close the engine; everything inserted stays."""
        self._reader.close()
        self._writer.close()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]


def _query_error(error: Exception) -> QueryError:
    text = str(error)
    match = _CODE.search(text)
    return QueryError(int(match[1]) if match else 0, text)
