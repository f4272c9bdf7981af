"""The operational database: durable, private, and refused with a reason."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from algovigil_processor.alert.tables import TABLES
from algovigil_processor.errors import StartError
from algovigil_processor.state import FILE, State, state_url

if TYPE_CHECKING:
    from pathlib import Path

COUNT = sa.text("UPDATE n SET value = value + 1")


@pytest.mark.parametrize("url", ["", "chdb:///x", "clickhouse://h/otel"])
def test_default_is_a_file(url: str, tmp_path: Path) -> None:
    """Without a URL, or with that of a ClickHouse, state is SQLite in the data dir."""
    assert state_url(url, tmp_path).database == str(tmp_path / FILE)


def test_postgresql_by_url(tmp_path: Path) -> None:
    """Both spellings of PostgreSQL name the same driver."""
    for scheme in ("postgresql", "postgres"):
        url = state_url(f"{scheme}://u:p@h:5432/db", tmp_path)
        assert (url.drivername, url.host) == ("postgresql+psycopg", "h")


def test_other_databases_are_refused_without_their_url(tmp_path: Path) -> None:
    """An unknown scheme is refused, and no password reaches the message."""
    with pytest.raises(StartError) as caught:
        State.open("mysql://root:hunter2@h/db", tmp_path)
    assert "`mysql`" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_file_is_private_and_durable(tmp_path: Path) -> None:
    """The file is for its owner alone; journal and sync are those that survive."""
    state = State.open("", tmp_path)
    with state.read() as db:
        pragmas = {
            name: db.execute(sa.text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous")
        }
    state.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_unreadable_state_is_refused(tmp_path: Path) -> None:
    """A file that is no database, and a directory that is not there, are refused."""
    (tmp_path / FILE).write_bytes(b"not a database, and long enough to be read" * 100)
    with pytest.raises(StartError, match="does not open"):
        State.open("", tmp_path)
    with pytest.raises(StartError, match="does not open"):
        State.open("", tmp_path / "missing")


def test_state_of_another_version_is_refused(tmp_path: Path) -> None:
    """Tables with other columns are not written to."""
    state = State.open("", tmp_path)
    with state.write() as db:
        db.execute(sa.text("CREATE TABLE alert_rules (name TEXT, kind TEXT)"))
    with pytest.raises(StartError, match="`alert_rules`"):
        state.create(TABLES)
    state.close()


def test_writers_take_turns(tmp_path: Path) -> None:
    """Concurrent transactions that read and then write lose no update."""
    state = State.open("", tmp_path)
    with state.write() as db:
        db.execute(sa.text("CREATE TABLE n (value INTEGER)"))
        db.execute(sa.text("INSERT INTO n VALUES (0)"))

    def add() -> None:
        for _ in range(20):
            with state.write() as db:
                db.execute(sa.text("SELECT value FROM n")).scalar()
                db.execute(COUNT)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with state.read() as db:
        assert db.execute(sa.text("SELECT value FROM n")).scalar() == 80
    state.close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """What raises inside a write is as if never begun."""
    state = State.open("", tmp_path)
    with state.write() as db:
        db.execute(sa.text("CREATE TABLE n (value INTEGER)"))
    with pytest.raises(RuntimeError), state.write() as db:
        db.execute(sa.text("INSERT INTO n VALUES (1)"))
        raise RuntimeError
    with state.read() as db:
        assert db.execute(sa.text("SELECT count(*) FROM n")).scalar() == 0
    state.close()
