"""Operational state: what must change in transactions and survive any kill.

One SQLite file in the data directory, or PostgreSQL by `DATABASE_URL`. Every write is
one transaction, durable when it returns; each stage declares its own tables on
`METADATA` and creates them by `State.create`.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy import event

from algovigil.errors import explain
from algovigil_processor.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

METADATA: Final = sa.MetaData()
FILE: Final = "state.sqlite"
_BUSY_MS: Final = 10_000
_TELEMETRY: Final = ("clickhouse", "clickhouses", "chdb")


def state_url(url: str, data_dir: Path) -> sa.URL:
    """Return where the state of *url*, the setting `database.url`, really lives.

    '' and the URL of a ClickHouse (telemetry, by the seed's rules) are the file.

    Raises:
        StartError: no database of ours speaks *url*. The URL itself may hold a
            password, so the message names its scheme only.
    """
    scheme, _, rest = url.partition("://")
    if not url or scheme in _TELEMETRY:
        return sa.URL.create("sqlite", database=str(data_dir / FILE))
    if scheme in ("postgresql", "postgres"):
        return sa.make_url(f"postgresql+psycopg://{rest}")
    raise StartError(
        explain(
            f"database.url with scheme `{scheme}`",
            "`postgresql://user:password@host/name`",
            "leave it out for SQLite in the data directory",
        )
    )


class State:
    """The one owner of the operational database. Thread safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine: Final = engine

    @classmethod
    def open(cls, url: str, data_dir: Path) -> State:
        """Open the database of the setting *url*.

        Raises:
            StartError: it does not open, or its driver is not installed.
        """
        where = state_url(url, data_dir)
        try:
            if where.drivername == "sqlite":
                _private(data_dir / FILE)
            engine = sa.create_engine(where, pool_pre_ping=True)
        except ModuleNotFoundError:
            raise StartError(
                explain(
                    "no PostgreSQL driver", "psycopg", "pip install 'psycopg[binary]'"
                )
            ) from None
        except OSError as error:
            raise _closed(where, error) from None
        if engine.dialect.name == "sqlite":
            _as_sqlite(engine)
        state = cls(engine)
        try:
            with state.read() as db:
                db.execute(sa.select(1))
        except sa.exc.SQLAlchemyError as error:
            engine.dispose()
            raise _closed(where, error) from None
        return state

    @property
    def alone(self) -> bool:
        """Whether no other process has this database: SQLite, in a locked directory."""
        return self._engine.dialect.name == "sqlite"

    def create(self, tables: Sequence[sa.Table]) -> None:
        """Create those of *tables* that do not exist.

        Raises:
            StartError: one exists with other columns: a state of another version.
        """
        with self.write() as db:
            METADATA.create_all(db, tables=tables)
            found = sa.inspect(db)
            for table in tables:
                have = {column["name"] for column in found.get_columns(table.name)}
                want = {column.name for column in table.columns}
                if have != want:
                    raise StartError(
                        explain(
                            f"table `{table.name}` with other columns "
                            f"({', '.join(sorted(have ^ want))})",
                            "the state of this version",
                            "move the state database away; alerts start afresh",
                        )
                    )

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: committed and durable at the end, or as if never begun."""
        with self._engine.begin() as db:
            yield db

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One consistent view, which never waits for a writer."""
        with self._engine.connect() as connection:
            yield connection.execution_options(reading=True)

    def close(self) -> None:
        """Close every connection; what was committed stays."""
        self._engine.dispose()


def _private(file: Path) -> None:
    # the file exists before SQLite makes it, so that no other user ever reads it
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))


def _closed(where: sa.URL, error: Exception) -> StartError:
    return StartError(
        explain(
            f"the {where.get_backend_name()} state database does not open "
            f"({type(error).__name__})",
            "a database that this process may read and write",
            "check database.url, DATABASE_URL and the data directory",
        )
    )


def _as_sqlite(engine: sa.Engine) -> None:
    """Make SQLite durable at each commit, and its transactions what they say."""

    @event.listens_for(engine, "connect")
    def connected(connection: sa.PoolProxiedConnection, _: object) -> None:
        # sqlite3 itself would begin late and upgrade a read, which fails when busy
        connection.isolation_level = None  # type: ignore[attr-defined] # sqlite3's own attribute
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {_BUSY_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
