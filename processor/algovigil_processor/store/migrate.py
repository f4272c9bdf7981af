"""Forward-only migrations: `NNNN_what.sql`, applied in order, each recorded once.

Statements are idempotent (IF NOT EXISTS), since ClickHouse has no transaction over
several of them.

A store written by a newer processor is refused: its rows may mean something else.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Final

from algovigil.errors import explain
from algovigil_processor.errors import StartError

if TYPE_CHECKING:
    from algovigil_processor.store.engine import Session

# Inserts whose tokens a table remembers: far more than segments can be in flight.
_WINDOW: Final = 10_000

# How the tables that take every record keep their parts.
_PARTS: Final = {
    # bytes that the writer of each column gathers, in every insert and merge: 1 MB of
    # a hundred columns was most of the memory under load; less costs disk
    "max_compress_block_size": "262144",
    # what one segment brings is one file, not a hundred; what merges make of it has a
    # file for each column, as readers want
    "min_rows_for_wide_part": "100000",
    # a row is written anew log 8 of all times, not log 5: a third less work, for a
    # few parts more to read
    "merge_selector_base": "8",
    # sizes among the texts, not in a file beside them: 7 % less disk
    "string_serialization_version": "'single_stream'",
}

RECORD: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations
(version UInt32, name String, applied DateTime DEFAULT now())
ENGINE = MergeTree ORDER BY version
"""

# Views that sum by buckets; the width is a setting, which may have changed.
_ROLLUPS: Final = """
SELECT name, as_select AS sql FROM system.tables
WHERE database = currentDatabase() AND engine = 'MaterializedView'
"""
_WIDTH: Final = re.compile(r"toIntervalSecond\(\d+\)")

_APPLIED: Final = """
INSERT INTO schema_migrations (version, name) SELECT {version:UInt32}, {name:String}
"""


def statements(sql: str) -> list[str]:
    """Return the statements of a migration; each ends with `;` at a line's end."""
    return [part.strip() for part in sql.split(";\n") if part.strip()]


def migrations(rollup_seconds: int) -> dict[int, tuple[str, str]]:
    """Return name and SQL of each migration by its number, settings filled in."""
    known: dict[int, tuple[str, str]] = {}
    folder = resources.files("algovigil_processor.store") / "migrations"
    for file in folder.iterdir():
        if file.name.endswith(".sql"):
            sql = file.read_text("utf-8")
            sql = sql.replace("{window}", str(_WINDOW))
            parts = ", ".join(f"{key} = {value}" for key, value in _PARTS.items())
            sql = sql.replace("{parts}", parts)
            sql = sql.replace("{rollup_seconds}", str(rollup_seconds))
            known[int(file.name[:4])] = (file.name, sql)
    return known


def migrate(session: Session, *, rollup_seconds: int) -> None:
    """Bring the database to this version's schema.

    Raises:
        StartError: the database is newer than this processor.
    """
    session.text(RECORD, "Null", None)
    done = session.arrow("SELECT version FROM schema_migrations", None)
    applied = set(done.column("version").to_pylist())
    known = migrations(rollup_seconds)
    if applied - known.keys():
        raise StartError(
            explain(
                f"a database with migration {max(applied)}",
                f"none after {max(known)}",
                "run the processor that wrote it, or a newer one",
            )
        )
    for version in sorted(known.keys() - applied):
        name, sql = known[version]
        for statement in statements(sql):
            session.text(statement, "Null", None)
        session.text(_APPLIED, "Null", {"version": version, "name": name})
    _widen(session, rollup_seconds)


def _widen(session: Session, rollup_seconds: int) -> None:
    """Make the rollups sum by buckets of *rollup_seconds* from now on."""
    for view in session.arrow(_ROLLUPS, None).to_pylist():
        wanted = _WIDTH.sub(f"toIntervalSecond({rollup_seconds})", view["sql"])
        if wanted != view["sql"]:
            change = f"ALTER TABLE {view['name']} MODIFY QUERY {wanted}"
            session.text(change, "Null", None)
