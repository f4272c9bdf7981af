"""What the store needs of a ClickHouse, embedded or not, and its errors sorted.

Invariant of `insert`: all rows of a call arrive in their table and its views, once per
token, whatever happened to earlier calls with that token.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from algovigil_processor.errors import Permanent, ProcessorError, Retryable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

_CODE: Final = re.compile(r"Code: (\d+)")

# Codes that only the rows themselves can cause: text that does not parse, values out
# of range, types that do not convert. All others (network, memory, disk, rights, a
# table that somebody altered) can be mended, so their rows wait.
_OF_THE_ROWS: Final = frozenset(
    {6, 26, 27, 33, 36, 38, 41, 53, 69, 70, 72, 117, 131, 190, 321, 349, 636}
)

INSERT_SETTINGS: Final[Mapping[str, int]] = {
    # one thread and one block, so that block numbers and tokens are the same on replay
    "max_threads": 1,
    "max_insert_threads": 1,
    "min_insert_block_size_rows": 100_000_000,
    "min_insert_block_size_bytes": 0,
    # requests may span any number of days
    "max_partitions_per_insert_block": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}


class QueryError(ProcessorError):
    """ClickHouse refused a statement; the text is ClickHouse's own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Session(Protocol):
    """A connection, whose statements see one database."""

    def arrow(self, sql: str, parameters: Mapping[str, object] | None) -> pa.Table:
        """Return the result of a query; parameters are `{name:Type}`."""
        ...

    def text(
        self, sql: str, output_format: str, parameters: Mapping[str, object] | None
    ) -> bytes:
        """Return the result of a statement in any ClickHouse format."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class Engine(Session, Protocol):
    """One ClickHouse."""

    def insert(self, table: str, rows: pa.Table, token: str) -> None:
        """Put *rows* into *table*, once per *token*."""
        ...

    def flush(self) -> None:
        """Return when what was inserted survives a loss of power."""
        ...

    def reader(self, limits: Mapping[str, int | str]) -> Session:
        """Return a read-only connection with *limits*, ClickHouse settings."""
        ...


def query_error(error: Exception) -> QueryError:
    """Return *error*, of a driver, as ClickHouse worded it; code 0 is no answer."""
    text = str(error)
    match = _CODE.search(text)
    return QueryError(
        int(match[1]) if match else 0, text[match.start() if match else 0 :]
    )


def insert_error(table: str, error: Exception) -> Permanent | Retryable:
    """Return what a failed insert into *table* means for its rows."""
    code = query_error(error).code
    if code in _OF_THE_ROWS:
        return Permanent(f"{table}: ClickHouse code {code}")
    told = f"ClickHouse code {code}" if code else f"no answer ({type(error).__name__})"
    return Retryable(f"{table}: {told}")
