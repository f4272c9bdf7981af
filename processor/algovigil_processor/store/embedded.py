"""The ClickHouse inside this process: chDB, its sessions, its files.

No insert passes through a file: Arrow columns go into the engine by memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from algovigil.errors import explain
from algovigil_processor.errors import StartError
from algovigil_processor.store.engine import INSERT_SETTINGS
from algovigil_processor.store.location import DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

_INSERT: Final = """
INSERT INTO {table} ({columns}) SELECT {columns} FROM Python(rows)
SETTINGS insert_deduplication_token = '{token}', max_block_size = 100000000, {settings}
"""


# one merge at a time: each holds its columns' buffers, of a wide table 200 MB
_ENGINE: Final = (
    "background_pool_size=1&background_merges_mutations_concurrency_ratio=1"
)


class Session:
    """One chDB session; its engine is single-user, so calls take turns.

    chDB hands the partial output of a failed statement to the next one of the same
    session, so a session that failed is replaced before it is used again.
    """

    def __init__(self, path: Path, settings: Sequence[str] = ()) -> None:
        self._path = path
        self._settings = tuple(settings)
        self._lock = threading.Lock()
        self._session = self._opened()

    def _opened(self) -> Any:
        from chdb import session

        if "?" in str(self._path):  # chDB would take the rest for settings
            raise StartError(
                explain(
                    f"a data directory with a question mark: {self._path}",
                    "a path without one",
                    "name another --data-dir",
                )
            )
        try:
            opened = session.Session(f"file:{self._path}?{_ENGINE}")
            opened.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
            opened.query(f"USE {DATABASE}")
            for statement in self._settings:
                opened.query(statement)
        except Exception as error:
            told = str(error).partition("\n")[0][:300]
            raise StartError(
                explain(
                    f"the database at {self._path} does not open: {told}",
                    "a directory that no other process has open",
                    "stop the other processor, or name another --data-dir",
                )
            ) from None
        return opened

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

    def put(self, sql: str, rows: pa.Table) -> None:
        # chDB finds `rows` by its name in this frame
        with self._turn() as session:
            session.query(sql)

    def close(self) -> None:
        with self._lock:
            self._session.close()


class Embedded:
    """The `Engine` of one directory."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._writer = Session(path)
        self._reader = Session(path)
        self.arrow = self._reader.arrow
        self.text = self._writer.text

    def insert(self, table: str, rows: pa.Table, token: str) -> None:
        columns = ", ".join(f"`{name}`" for name in rows.column_names)
        settings = ", ".join(f"{key} = {n}" for key, n in INSERT_SETTINGS.items())
        # names come from schema.py, the token from us
        sql = _INSERT.format(
            table=table, columns=columns, token=token, settings=settings
        )
        self._writer.put(sql, rows)

    def flush(self) -> None:
        # one call for all files of an insert: `fsync_after_insert` makes a hundred
        folder = os.open(self._path, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(folder):
                raise OSError(ctypes.get_errno(), "syncfs")
        finally:
            os.close(folder)

    def reader(self, limits: Mapping[str, int | str]) -> Session:
        settings = [f"SET {name} = {value!r}" for name, value in limits.items()]
        return Session(self._path, [*settings, "SET readonly = 1"])

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
