"""What a part of the analysis found, and how it becomes a batch.

A number that could not be computed is null: never NaN, never an invented zero.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import pyarrow as pa

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.schema import SCHEMAS, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from algovigil_processor.analyse.store import Store
    from algovigil_processor.pipeline import Stage

_LOG: Final = logging.getLogger(__name__)

Row: TypeAlias = dict[str, Any]
_Given = TypeVar("_Given")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one model: the unit that is analysed and that fails alone."""

    model: str
    version: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Version:
        """Return the version that a result row speaks of."""
        return cls(row["model_name"] or "", row["model_version"] or "")


@dataclass(slots=True)
class Found:
    """Rows for one table, and how many versions could not be analysed."""

    rows: list[Row] = field(default_factory=list)
    failed: int = 0
    table: pa.RecordBatch | None = None
    """Rows that are columns already, instead of `rows`."""

    def add(self, analyse: Callable[[], Iterable[Row]]) -> None:
        """Add the rows of one version; a failure is counted and ends only itself."""
        try:
            self.rows.extend(analyse())
        except Exception as error:
            self.failed += 1
            # the type alone: a message may hold values of the data
            _LOG.error("analysis of one version failed: %s", type(error).__name__)


def each(given: Iterable[_Given], analyse: Callable[[_Given], Iterable[Row]]) -> Found:
    """Analyse each of *given*; what fails is counted and leaves the others alone."""
    found = Found()
    for one in given:
        found.add(partial(analyse, one))
    return found


def head(
    version: Version, now_ns: int, start_ns: int, end_ns: int | None = None
) -> Row:
    """Return the columns that every finding begins with."""
    return {
        "timestamp": now_ns,
        "model_name": version.model,
        "model_version": version.version,
        "window_start": start_ns,
        "window_end": now_ns if end_ns is None else end_ns,
    }


def finite(value: float | None) -> float | None:
    """Return *value*, or None for what is not a number."""
    return value if value is not None and math.isfinite(value) else None


def batch(table: Table, found: Found, now_ns: int, plan_version: str = "") -> Batch:
    """Return what was *found* as an unsealed batch, under the plan in force.

    Without a plan a row keeps the version of the settings it was found by.
    """
    schema = SCHEMAS[table]
    columns = found.table
    if columns is None:
        columns = pa.RecordBatch.from_pylist(found.rows, schema=schema)
    if "plan_version" in schema.names:
        place = schema.get_field_index("plan_version")
        stamp = columns.column(place).fill_null("")
        if plan_version:
            stamp = pa.repeat(pa.scalar(plan_version, pa.string()), columns.num_rows)
        columns = columns.set_column(place, schema.field(place), stamp)
    return Batch(table, columns, Origin("analyse", now_ns))


class Writer:
    """Redact rows of ours and store them, each table once per token."""

    def __init__(self, store: Store, redact: Stage) -> None:
        self._store = store
        self._redact = redact

    def rows(self, tables: Mapping[Table, list[Row]], now_ns: int, token: str) -> None:
        """Store *tables*, all under one *token*."""
        made = [batch(t, Found(rows), now_ns) for t, rows in tables.items()]
        self.batches(made, token)

    def batches(self, batches: Sequence[Batch], token: str) -> None:
        """Store unsealed *batches* under one *token*."""
        sealed = [self._redact(one) for one in batches if one.rows.num_rows]
        self._store.insert(sealed, token)
