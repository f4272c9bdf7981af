"""How long each table keeps its rows, as the settings say today.

Invariant: after `retain` a table has exactly the TTL of the settings, or none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from algovigil.errors import explain, nearest
from algovigil_processor.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil_processor.store.engine import Session

# The column that a table ages by: the first of these that it has.
_TIMES: Final = ("Timestamp", "TimeUnix", "timestamp", "bucket", "Start", "received")
# Look-up tables and rollups of a table that have no use without its rows.
_WITH: Final = {"otel_traces_trace_id_ts": "otel_traces"}
_TTL: Final = re.compile(r" TTL (.+?)(?: SETTINGS |$)")

_TABLES: Final = """
SELECT name, create_table_query AS sql, engine FROM system.tables
WHERE database = currentDatabase()
    AND (engine = 'Distributed' OR engine LIKE '%MergeTree')
"""
_COLUMNS: Final = """
SELECT table, groupArray(name) AS columns FROM system.columns
WHERE database = currentDatabase() GROUP BY table
"""


def retain(session: Session, ttl_days: Mapping[str, int]) -> None:
    """Give each table the TTL of *ttl_days*; take it from those that have none there.

    Raises:
        StartError: a table is not known, ages by no time, or is kept less than a day.
    """
    columns = {
        row["table"]: set(row["columns"])
        for row in session.arrow(_COLUMNS, None).to_pylist()
    }
    aging = {
        table: time
        for table, names in columns.items()
        if (time := next((t for t in _TIMES if t in names), None))
    }
    for table, days in ttl_days.items():
        if table not in aging:
            raise StartError(
                explain(
                    f"storage.ttl_days: `{table}`",
                    "a table whose rows have a time",
                    nearest(table, aging),
                )
            )
        if days < 1:
            raise StartError(
                explain(f"storage.ttl_days: {table}: {days}", "a day or more")
            )
    for row in session.arrow(_TABLES, None).to_pylist():
        table = row["name"]
        if row["engine"] == "Distributed":
            _refuse(table, ttl_days)
            continue
        match = _TTL.search(row["sql"])
        has = match[1] if match else ""
        kept = ttl_days.get(table) or ttl_days.get(_WITH.get(table, ""))
        wants = f"toDateTime({aging[table]}) + toIntervalDay({kept})" if kept else ""
        if has != wants:
            change = f"MODIFY TTL {wants}" if wants else "REMOVE TTL"
            session.text(f"ALTER TABLE {table} {change}", "Null", None)


def _refuse(table: str, ttl_days: Mapping[str, int]) -> None:
    """A cluster's tables belong to whoever applied its schema."""
    if table in ttl_days:
        raise StartError(
            explain(
                f"storage.ttl_days: `{table}`, a distributed table",
                "tables of one server",
                f"ALTER TABLE {table}_local ON CLUSTER ... MODIFY TTL, by hand",
            )
        )
