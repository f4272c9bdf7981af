"""The processor's own counters and gauges, kept where everybody else's metrics are.

Dashboards and rules then see refusals, redactions and the journal over time, without a
Prometheus beside. Values are cumulative, so that a sample that is lost costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.schema import SCHEMAS, Table

if TYPE_CHECKING:
    from algovigil_processor.pipeline import Stage
    from algovigil_processor.store import Store
    from algovigil_processor.telemetry import Telemetry

SERVICE: Final = "algovigil-processor"
_CUMULATIVE: Final = 2  # AggregationTemporality of OTLP


class OwnMetrics:
    """Puts a sample of the registry into `otel_metrics_sum` and `_gauge` at each tick.

    Args:
        started_ns: when the counters began, Unix time.
        instance: tells processors that share a store from one another.
    """

    def __init__(
        self,
        store: Store,
        redact: Stage,
        telemetry: Telemetry,
        *,
        started_ns: int,
        instance: str,
    ) -> None:
        self._store = store
        self._redact = redact
        self._telemetry = telemetry
        self._started_ns = started_ns
        self._instance = instance

    def tick(self, now_ns: int) -> None:
        """Store one sample.

        Raises:
            ProcessorError: the store does not take it; the next sample has it all.
        """
        counters = [
            self._row(now_ns, name, labels, value)
            | {"AggregationTemporality": _CUMULATIVE, "IsMonotonic": True}
            for (name, labels), value in self._telemetry.counters().items()
        ]
        gauges = [
            self._row(now_ns, name, (), value)
            for name, value in self._telemetry.gauges().items()
        ]
        samples: tuple[tuple[Table, list[dict[str, Any]]], ...] = (
            ("otel_metrics_sum", counters),
            ("otel_metrics_gauge", gauges),
        )
        batches = [
            self._redact(_batch(table, rows, now_ns)) for table, rows in samples if rows
        ]
        self._store.insert(batches, f"own-{self._instance}-{now_ns}")

    def _row(
        self, now_ns: int, name: str, labels: tuple[tuple[str, str], ...], value: float
    ) -> dict[str, Any]:
        return {
            "ResourceAttributes": [
                ("service.instance.id", self._instance),
                ("service.name", SERVICE),
            ],
            "ServiceName": SERVICE,
            "ScopeName": SERVICE,
            "MetricName": f"algovigil.{name}",
            "Attributes": labels,
            "StartTimeUnix": self._started_ns,
            "TimeUnix": now_ns,
            "Value": value,
        }


def _batch(table: Table, rows: list[dict[str, Any]], now_ns: int) -> Batch:
    schema = SCHEMAS[table]
    # a few dozen rows of the registry, four times a minute
    columns = [
        pa.array([row.get(field.name, _empty(field.type)) for row in rows], field.type)
        for field in schema
    ]
    return Batch(
        table,
        pa.RecordBatch.from_arrays(columns, schema=schema),
        Origin("internal", now_ns),
    )


def _empty(kind: pa.DataType) -> Any:
    if pa.types.is_string(kind):
        return ""
    return [] if pa.types.is_nested(kind) else 0
