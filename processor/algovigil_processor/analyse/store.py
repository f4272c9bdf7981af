"""What analysis needs of the database, and its statements by name.

Time is always a parameter: no statement asks the server for the time, and none sees a
row dated after the tick.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from algovigil_processor.batch import Batch


class Store(Protocol):
    """The part of the store that analysis uses."""

    def query(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> pa.Table:
        """Return the result of *sql*; parameters are `{name:Type}`."""
        ...

    def insert(self, batches: Sequence[Batch], token: str) -> None:
        """Store sealed *batches*, each table once per *token*."""
        ...


def read(store: Store, statement: str, **parameters: object) -> pa.Table:
    """Return the result of `queries/<statement>.sql`."""
    return store.query(_sql(statement), parameters)


def rows(store: Store, statement: str, **parameters: object) -> list[dict[str, Any]]:
    """Return the few result rows of a statement that aggregates."""
    # one row a group of the statement: dozens
    found: list[dict[str, Any]] = read(store, statement, **parameters).to_pylist()
    return found


@cache
def _sql(statement: str) -> str:
    folder = resources.files("algovigil_processor.analyse") / "queries"
    return (folder / f"{statement}.sql").read_text("utf-8")
