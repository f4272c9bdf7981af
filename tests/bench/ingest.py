"""Records per CPU-second through the whole line, beside a Rust collector's forward.

    .venv/bin/python -m tests.bench.ingest

Ours: gRPC, decode, redaction, journal with fsync, MergeTree, until merges are done. CPU
is each process's own, user and system, from the operating system. Eight senders of
2 048 spans in a closed loop; small requests are of one span.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from tests.bench import rotel
from tests.bench.processor import Running, rss_mb, send, settled
from tests.bench.records import LOGS, POINTS, logs, metrics
from tests.bench.spans import Kind, request

from algovigil_processor.batch import Origin
from algovigil_processor.decode import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

SPANS = 2048  # a request
WARM = 16  # requests before the measured ones


def ours(
    signal: str,
    bodies: Sequence[bytes],
    warm: Sequence[bytes],
    records: int,
    table: str,
) -> dict[str, Any]:
    """Measure the processor on *bodies* of *records* records each."""
    with Running() as processor:
        send(processor.addresses["grpc"], warm, signal)
        processor.wait_for(table, len(warm) * records)
        base = settled(processor.pid)
        before = processor.stages()
        seconds = send(processor.addresses["grpc"], bodies, signal)
        processor.wait_for(table, (len(bodies) + len(warm)) * records)
        cpu = settled(processor.pid) - base
        stages = processor.stages()
        memory = rss_mb(processor.pid)
    total = len(bodies) * records
    return {
        "records": total,
        "cpu_us_per_record": round(cpu / total * 1e6, 2),
        "records_per_cpu_second": round(total / cpu),
        "wall_records_per_second": round(total / seconds),
        "redaction_share": round((stages["redact"] - before["redact"]) / cpu, 2),
        "resident_mb": round(memory),
    }


def unique_strings(bodies: Sequence[bytes]) -> float:
    """Return how many texts of attributes occur nowhere else, a span."""
    (spans,) = (
        batch.rows
        for batch in decode("traces", bodies, Origin("bench", 1)).batches
        if batch.table == "otel_traces"
    )
    texts = spans.column("SpanAttributes").items
    return round(int(pc.count_distinct(texts).as_py()) / spans.num_rows, 2)


def spans(kind: Kind, requests: int) -> dict[str, Any]:
    """Measure spans of *kind*, ours beside the peer's, in one run."""
    bodies = [request(kind, SPANS, seed) for seed in range(requests)]
    warm, measured = bodies[:WARM], bodies[WARM:]
    table = "inferences" if kind == "calls" else "otel_traces"
    mine = ours("traces", measured, warm, SPANS, table)
    figures: dict[str, Any] = {
        "unique_strings_per_span": unique_strings(measured[:8]),
        "algovigil": mine,
    }
    for name, redact in (("rotel, unredacted", False), ("rotel, redacted", True)):
        cpu = rotel.forward(measured, warm, redact=redact)
        if isinstance(cpu, str):
            figures[name] = cpu
            continue
        each = cpu / (len(measured) * SPANS) * 1e6
        figures[name] = {
            "cpu_us_per_record": round(each, 2),
            "ours_over_it": round(mine["cpu_us_per_record"] / each, 2),
        }
    return figures


def run(requests: int = 96) -> dict[str, Any]:
    """Return the figures of each kind of request."""
    results: dict[str, Any] = {
        kind: spans(kind, requests) for kind in ("repeated", "fresh")
    }
    results["calls of 30 features"] = spans("calls", requests // 2)
    for signal, make, records, table in (
        ("metrics", metrics, POINTS, "otel_metrics_gauge"),
        ("logs", logs, LOGS, "otel_logs"),
    ):
        bodies = [make(seed) for seed in range(requests // 2)]
        results[signal] = ours(signal, bodies[WARM:], bodies[:WARM], records, table)
    small = [request("fresh", 1, seed) for seed in range(4_000)]
    results["requests of one span"] = ours(
        "traces", small[WARM:], small[:WARM], 1, "otel_traces"
    )
    return results


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
