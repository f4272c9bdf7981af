"""`Batch`, the one currency of the pipeline: immutable columns, and their seal.

A batch whose `policy` is None has not been redacted; only `redact` sets it, and
`Store.insert` and `Journal.append` refuse a batch without it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from algovigil_processor.errors import Permanent
from algovigil_processor.schema import SCHEMAS, Table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a batch came from and when."""

    transport: str
    received_ns: int
    tenant: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Batch:
    """Rows of one table. Construction checks the schema."""

    table: Table
    rows: pa.RecordBatch
    origin: Origin
    policy: str | None = None

    def __post_init__(self) -> None:
        if not self.rows.schema.equals(SCHEMAS[self.table]):
            raise Permanent(f"{self.table}: the columns differ from schema")

    def __repr__(self) -> str:
        """Shape only: a repr ends up in logs, and rows hold data."""
        seal = self.policy or "unsealed"
        return f"Batch({self.table}, {self.rows.num_rows} rows, {seal})"

    def sealed(self, rows: pa.RecordBatch, policy: str) -> Batch:
        """Return *rows* under the seal *policy*: for `redact` alone."""
        return dataclasses.replace(self, rows=rows, policy=policy)

    def derived(self, table: Table, rows: pa.RecordBatch) -> Batch:
        """Return *rows* computed from this batch alone; the seal carries over."""
        return dataclasses.replace(self, table=table, rows=rows)
