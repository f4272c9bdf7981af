"""Forward-only migrations: `NNNN_what.sql`, applied in order, each recorded once.

Statements are idempotent (IF NOT EXISTS), since ClickHouse has no transaction over
several of them.

A store written by a newer processor is refused: its rows may mean something else.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final, Protocol

from algovigil.errors import explain
from algovigil_processor.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

# Inserts whose tokens a table remembers: far more than segments can be in flight.
_WINDOW: Final = 10_000

_RECORD: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations
(version UInt32, name String, applied DateTime DEFAULT now())
ENGINE = MergeTree ORDER BY version
"""

_APPLIED: Final = """
INSERT INTO schema_migrations (version, name) SELECT {version:UInt32}, {name:String}
"""


class Session(Protocol):
    """What migrations need of a connection."""

    def arrow(self, sql: str, parameters: Mapping[str, object] | None) -> pa.Table:
        """Return the result of a query."""
        ...

    def text(
        self, sql: str, output_format: str, parameters: Mapping[str, object] | None
    ) -> bytes:
        """Run a statement."""
        ...


def statements(sql: str) -> list[str]:
    """Return the statements of a migration; each ends with `;` at a line's end."""
    return [part.strip() for part in sql.split(";\n") if part.strip()]


def migrate(session: Session, *, rollup_seconds: int) -> None:
    """Bring the database to this version's schema.

    Raises:
        StartError: the database is newer than this processor.
    """
    session.text(_RECORD, "Null", None)
    done = session.arrow("SELECT version FROM schema_migrations", None)
    applied = set(done.column("version").to_pylist())
    known: dict[int, tuple[str, str]] = {}
    folder = resources.files("algovigil_processor.store") / "migrations"
    for file in folder.iterdir():
        if file.name.endswith(".sql"):
            known[int(file.name[:4])] = (file.name, file.read_text("utf-8"))
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
        sql = sql.replace("{window}", str(_WINDOW))
        sql = sql.replace("{rollup_seconds}", str(rollup_seconds))
        for statement in statements(sql):
            session.text(statement, "Null", None)
        session.text(_APPLIED, "Null", {"version": version, "name": name})
