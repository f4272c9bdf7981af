"""A real store, and short words to put rows in and read findings out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from algovigil.config import MonitoringConfig
from algovigil_processor.analyse import Analysis
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.schema import SCHEMAS
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from algovigil_processor.store import Store

SECOND = 10**9
NOON = 1_750_000_000 * SECOND
"""Some instant; every time of these tests is relative to it."""


def seal(batch: Batch) -> Batch:
    """Stand where `redact` stands: these tests plant nothing to redact."""
    return batch.sealed(batch.rows, "test")


@dataclass
class Clinic:
    """One store, and short words for putting rows in and reading findings out."""

    store: Store
    telemetry: Telemetry = field(default_factory=Telemetry)
    _tokens: int = 0

    def put(self, table: Any, columns: Mapping[str, Any], rows: int) -> None:
        """Insert *rows* rows; what *columns* does not name is empty."""
        record = self.record(table, columns, rows)
        self._tokens += 1
        token = f"test-{self._tokens}"
        self.store.insert([seal(Batch(table, record, Origin("test", NOON)))], token)

    def record(
        self, table: Any, columns: Mapping[str, Any], rows: int
    ) -> pa.RecordBatch:
        """Return *rows* rows; what *columns* does not name is empty."""
        filled = [
            _column(columns.get(kind.name, _EMPTY.get(str(kind.type))), kind.type, rows)
            for kind in SCHEMAS[table]
        ]
        return pa.RecordBatch.from_arrays(filled, schema=SCHEMAS[table])

    def predict(
        self,
        model: str,
        times_ns: Sequence[int],
        features: Mapping[str, np.ndarray] | None = None,
        **columns: Any,
    ) -> None:
        """Insert one prediction per element of *times_ns*; NaN is missing."""
        rows = len(times_ns)
        named = features or {}
        values = np.column_stack([*named.values()]) if named else np.empty((rows, 0))
        maps = [
            [(n, v) for n, v in zip(named, row, strict=True) if not np.isnan(v)]
            for row in values.tolist()
        ]
        missing = [
            [n for n, v in zip(named, row, strict=True) if np.isnan(v)]
            for row in values.tolist()
        ]
        ids = [f"{model}-{time}-{i}" for i, time in enumerate(times_ns)]
        self.put(
            "inferences",
            {
                "model_name": model,
                "model_version": "1",
                "timestamp": list(times_ns),
                "inference_id": ids,
                "trace_id": ids,
                "features": maps,
                "missing": missing,
                "duration_ms": 5.0,
                "row_weight": 1.0,
                **columns,
            },
            rows,
        )

    def outcome(self, actual: Sequence[str], **columns: Any) -> None:
        """Insert one diagnostic outcome per element of *actual*."""
        self._tokens += 1
        ids = [f"o-{self._tokens}-{i}" for i in range(len(actual))]
        self.put(
            "outcomes",
            {
                "outcome_id": ids,
                "outcome_type": "diagnostic",
                "actual_value": list(actual),
                **columns,
            },
            len(actual),
        )

    def analysis(self, **sections: Any) -> Analysis:
        """Return an analysis under a config of *sections*."""
        config = MonitoringConfig.of(sections)
        return Analysis(self.store, seal, config, self.telemetry)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        return self.store.query(sql).to_pylist()

    def findings(self, model: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the latest drift finding of *model* by (feature, method)."""
        found = self.rows(
            f"SELECT * FROM drift_findings WHERE model_name = '{model}' "
            "AND subgroup_key = '' ORDER BY timestamp"
        )
        return {(row["feature"], row["method"]): row for row in found}

    def metrics(self, table: str, model: str) -> dict[str, dict[str, Any]]:
        """Return the latest row of each metric of *model*, about everyone."""
        everyone = "AND subgroup_key = '' " if table == "clinical_metrics" else ""
        found = self.rows(
            f"SELECT * FROM {table} WHERE model_name = '{model}' {everyone}"
            "ORDER BY timestamp"
        )
        return {row["metric"]: row for row in found}


_EMPTY = {
    "string": "",
    "list<item: string>": [],
    "list<item: double>": [],
    "list<item: uint64>": [],
    "map<string, double>": [],
    "map<string, string>": [],
    "map<uint32, uint64>": [],
    "uint32": 0,
}


def _column(value: Any, kind: pa.DataType, rows: int) -> pa.Array:
    is_one_each = isinstance(value, list) and len(value) == rows and value != []
    return pa.array(value if is_one_each else [value] * rows, type=kind)
