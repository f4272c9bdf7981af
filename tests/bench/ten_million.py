"""Ten million spans, and as many calls, of a day: a trace by its id, and dashboards.

    .venv/bin/python -m tests.bench.ten_million [rows]

Rows are made inside the engine, with the tables, indexes and rollups of the product.
Trace: 2 of 3 spans, found as Grafana's plugin asks for it, through the table of traces'
times, and by the id alone. Dashboards: every query of a dashboard that reads a rollup,
one after the other, over the whole day, as the dashboard opens.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.integration.dashboards.macros import CLICKHOUSE, Range, expand, opened

from algovigil_dashboards import load
from algovigil_processor.store import Store
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86_400
START = 1_700_006_400  # a midnight
STEP = 500_000  # rows an insert
TRACES = 20  # looked up

SPANS = """
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName,
    ResourceAttributes, SpanAttributes, Duration, StatusCode)
SELECT fromUnixTimestamp64Nano(toInt64({start} + number * {gap})),
    lower(hex(sipHash128(intDiv(number, 3)))), lower(hex(sipHash64(number))),
    concat('predict model-', toString(number % 10)), 'Server',
    concat('service-', toString(intDiv(number, 3) % 10)),
    map('service.name', concat('service-', toString(intDiv(number, 3) % 10))),
    map('http.request.method', 'POST', 'http.route', '/v1/models/7/predict',
        'url.scheme', 'https', 'server.address', 'ward-3.hospital.example',
        'url.path', concat('/studies/', toString(sipHash64(number, 1))),
        'note', concat('study routed ', toString(sipHash64(number, 2))),
        'batch.size', toString(number % 17), 'http.response.status_code', '200',
        'medical_ai.site', 'north', 'user_agent.original', 'scanner-gateway/2.4',
        'deployment.environment.name', 'production', 'network.protocol.version', '1.1',
        'medical_ai.encounter.id', lower(hex(sipHash128(number, 3)))),
    toUInt64(10000000 * randExponential(1, number)), if(number % 97, 'Ok', 'Error')
FROM numbers({first}, {rows})
"""
CALLS = """
INSERT INTO inferences (inference_id, timestamp, trace_id, span_id, service_name,
    model_name, model_version, operation, site, duration_ms, score, label, row_weight,
    error_type)
SELECT lower(hex(sipHash64(number))),
    fromUnixTimestamp64Nano(toInt64({start} + number * {gap})),
    lower(hex(sipHash128(intDiv(number, 3)))), lower(hex(sipHash64(number))), 'ward',
    concat('model-', toString(number % 5)), concat('2.', toString(number % 2)),
    'predict', ['north', 'south', 'east'][1 + number % 3],
    10 * randExponential(1, number), number % 1000 / 1000,
    if(number % 3, 'benign', 'malignant'), 1, if(number % 97, '', 'ValueError')
FROM numbers({first}, {rows})
"""
BY_TIME = """
WITH '{trace}' AS id,
    (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = id) AS first,
    (SELECT max(End) + 1 FROM otel_traces_trace_id_ts WHERE TraceId = id) AS last
SELECT * FROM otel_traces
WHERE TraceId = id AND Timestamp >= first AND Timestamp <= last
"""
ALONE = "SELECT * FROM otel_traces WHERE TraceId = '{trace}'"


def _ms(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * 1e3


def filled(store: Store, rows: int) -> None:
    """Insert *rows* spans and as many calls, in the order of time, and merge."""
    gap = DAY * 10**9 // rows
    for first in range(0, rows, STEP):
        for sql in (SPANS, CALLS):
            part = {"first": first, "rows": min(STEP, rows - first)}
            store.execute(sql.format(start=START * 10**9, gap=gap, **part))
        print(f"{first + STEP:,} of {rows:,}", file=sys.stderr)


def traces(store: Store, rows: int, sql: str) -> dict[str, float]:
    """Return how long the spans of one trace take, of several traces."""
    ids = store.query(
        f"SELECT lower(hex(sipHash128(number * {rows // 3 // TRACES}))) AS id"
        f" FROM numbers({TRACES})"
    ).column("id")
    took = []
    for trace in ids.to_pylist():
        asked = sql.format(trace=trace)
        took.append(_ms(lambda asked=asked: store.query(asked)))  # type: ignore[misc] # bound now
        assert store.query(asked).num_rows == 3
    return {"median_ms": round(statistics.median(took)), "most_ms": round(max(took))}


def dashboards(store: Store) -> dict[str, Any]:
    """Return, by dashboard, how many rollup queries it has and what they take."""
    when = Range(START, START + DAY, 300)
    figures: dict[str, Any] = {}
    for name in CLICKHOUSE:
        dashboard = load(name)
        chosen = opened(
            dashboard,
            when,
            lambda sql: [
                list(map(str, r.values())) for r in store.query(sql).to_pylist()
            ],
        )
        queries = [
            expand(target["rawSql"], when, chosen)
            for panel in dashboard["panels"]
            for target in panel.get("targets", ())
            if "_rollup" in target.get("rawSql", "")
        ]
        if queries:
            rounds = [
                sum(_ms(lambda q=q: store.query(q)) for q in queries) for _ in range(5)
            ]  # type: ignore[misc] # bound now
            figures[name] = {
                "queries": len(queries),
                "first_ms": round(rounds[0]),
                "median_ms": round(statistics.median(rounds)),
            }
    return figures


def run(rows: int = 10_000_000) -> dict[str, Any]:
    """Return the figures for *rows* spans."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "clickhouse", Telemetry())
        try:
            filled(store, rows)
            return {
                "spans": rows,
                "trace by id and time": traces(store, rows, BY_TIME),
                "trace by id alone": traces(store, rows, ALONE),
                "rollup queries": dashboards(store),
            }
        finally:
            store.close()


if __name__ == "__main__":
    print(json.dumps(run(*map(int, sys.argv[1:])), indent=2))
