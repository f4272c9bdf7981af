"""Batches of few rows, and the stage under each preset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pytest

from algovigil.config import Phi
from algovigil.phi import Protector
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.redact import Redact
from algovigil_processor.schema import SCHEMAS, Table
from algovigil_processor.telemetry import Telemetry

KEY = b"test-key-of-32-bytes-or-more-....."
Rows: TypeAlias = Sequence[Mapping[str, Any]]
Run: TypeAlias = Callable[..., tuple[list[dict[str, Any]], Telemetry]]


def batch(table: Table, rows: Rows) -> Batch:
    """Return *rows* of *table*; a column that a row does not name is null."""
    schema = SCHEMAS[table]
    full = [{f.name: row.get(f.name) for f in schema} for row in rows]
    return Batch(table, pa.RecordBatch.from_pylist(full, schema), Origin("grpc", 1))


@pytest.fixture
def run() -> Run:
    """Redact rows of a table; returns the rows and the counters."""

    def redact(
        table: Table,
        *rows: Mapping[str, Any],
        preset: str = "pseudonymise",
        key: bytes = KEY,
    ) -> tuple[list[dict[str, Any]], Telemetry]:
        telemetry = Telemetry()
        protector = Protector(Phi(preset=preset), key, this_year=2026)
        sealed = Redact(protector, telemetry)(batch(table, rows))
        return sealed.rows.to_pylist(), telemetry

    return redact
