"""Bytes on disk a span, beside the ClickHouse exporter's default table; large reads.

    .venv/bin/python -m tests.bench.ingest_disk [--rows 10000000]

With --rows the spans are multiplied, each copy with ids and a time of its own, and a
trace is looked up by its id, as Grafana does it, beside a dashboard's rollup queries.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tests.bench.spans import Kind, request

from algovigil.phi import Protector
from algovigil_processor.batch import Origin
from algovigil_processor.decode import decode
from algovigil_processor.redact import Redact
from algovigil_processor.store import Store
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

SPANS = 2048
REQUESTS = 32
_FIRST = 1_700_000_000 + 100  # after the spans of `request`, before their copies

# What the exporter creates by default (v0.162): columns, codecs, indexes, order.
_MAP = "Map(LowCardinality(String), String)"
_WORD = "LowCardinality(String) CODEC(ZSTD(1))"
_EXPORTER = f"""
CREATE TABLE exporter (
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)), TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)), ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)), SpanName {_WORD}, SpanKind {_WORD},
    ServiceName {_WORD}, ResourceAttributes {_MAP} CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)), ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes {_MAP} CODEC(ZSTD(1)), Duration UInt64 CODEC(ZSTD(1)),
    StatusCode {_WORD}, StatusMessage String CODEC(ZSTD(1)),
    Events Nested(Timestamp DateTime64(9), Name LowCardinality(String),
        Attributes {_MAP}) CODEC(ZSTD(1)),
    Links Nested(TraceId String, SpanId String, TraceState String,
        Attributes {_MAP}) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes)
        TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes)
        TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes)
        TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes)
        TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE = MergeTree PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1
"""
_BYTES = """
SELECT sum(bytes_on_disk) AS b FROM system.parts
WHERE active AND database = currentDatabase() AND table = {table:String}
"""
_BY_ID = """
WITH (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = {id:String}) AS a,
     (SELECT max(End) + 1 FROM otel_traces_trace_id_ts WHERE TraceId = {id:String}) AS b
SELECT * FROM otel_traces WHERE TraceId = {id:String} AND Timestamp BETWEEN a AND b
"""
_QUANTILES = "quantilesTDigestMerge(0.5, 0.95, 0.99)(duration)"
_ROLLUPS = (
    "SELECT bucket, sum(spans) FROM span_rollup GROUP BY bucket ORDER BY bucket",
    "SELECT bucket, sum(errors) / sum(spans) FROM span_rollup GROUP BY bucket",
    "SELECT SpanName, sum(spans) FROM span_rollup GROUP BY SpanName",
    f"SELECT bucket, {_QUANTILES} FROM span_rollup GROUP BY bucket",
    f"SELECT SpanName, {_QUANTILES} FROM span_rollup GROUP BY SpanName",
)


def filled(store: Store, kind: Kind) -> None:
    """Store the spans of *kind*, redacted."""
    redact = Redact(Protector(key=b"b" * 64), Telemetry())
    for seed in range(REQUESTS):
        decoded = decode("traces", [request(kind, SPANS, seed)], Origin("bench", 1))
        spans = [b for b in decoded.batches if b.table == "otel_traces"]
        store.insert([redact(batch) for batch in spans], token=f"{kind}-{seed}")


def disk(kind: Kind) -> dict[str, float]:
    """Return bytes a span of ours and of the exporter's table, both merged."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "clickhouse", Telemetry())
        filled(store, kind)
        store.execute(_EXPORTER)
        columns = "* EXCEPT PhiPolicy"
        store.execute(f"INSERT INTO exporter SELECT {columns} FROM otel_traces")
        figures = {}
        for table in ("otel_traces", "exporter"):
            store.execute(f"OPTIMIZE TABLE {table} FINAL")
            size = store.query(_BYTES, {"table": table}).column(0)[0].as_py()
            figures[table] = round(size / (SPANS * REQUESTS), 1)
        store.close()
    figures["ours_over_exporter"] = round(
        figures["otel_traces"] / figures["exporter"], 2
    )
    return figures


def reads(rows: int) -> dict[str, Any]:
    """Return milliseconds of a look-up by id and of a dashboard over *rows* spans."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "clickhouse", Telemetry())
        filled(store, "repeated")
        for copy in range(1, rows // (SPANS * REQUESTS)):
            store.execute(
                "INSERT INTO otel_traces SELECT * REPLACE("
                f"lower(hex(cityHash64(TraceId, {copy}))) AS TraceId, "
                f"Timestamp + toIntervalMinute({copy * 7}) AS Timestamp) "
                f"FROM otel_traces AS o WHERE o.Timestamp < toDateTime({_FIRST})"
            )
        ids = store.query("SELECT TraceId FROM otel_traces ORDER BY rand() LIMIT 20")
        by_id = [
            _timed(lambda one=one: store.query(_BY_ID, {"id": one}))
            for one in ids.column(0).to_pylist()
        ]
        dashboard = sum(_timed(lambda sql=sql: store.query(sql)) for sql in _ROLLUPS)
        stored = store.query("SELECT count() FROM otel_traces").column(0)[0].as_py()
        store.close()
    return {
        "rows": stored,
        "trace_by_id_median_ms": round(statistics.median(by_id), 1),
        "dashboard_of_5_queries_ms": round(dashboard, 1),
    }


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


def run() -> dict[str, Any]:
    """Return bytes a span of each kind."""
    return {kind: disk(kind) for kind in get_args(Kind)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, help="spans to look up among")
    asked = parser.parse_args().rows
    print(json.dumps(reads(asked) if asked else run(), indent=2))
