"""Microseconds of CPU that `redact` needs a span, beside Python's `re` on each value.

    .venv/bin/python -m tests.bench.redact_speed

The spans are those of `tests.bench.spans`; `one span` is a batch of its own.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, get_args

from tests.bench.decode_speed import ORIGIN
from tests.bench.spans import Kind, request

from algovigil.phi import Protector
from algovigil_processor.decode import decode
from algovigil_processor.redact import Redact
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from algovigil_processor.batch import Batch

SPANS = 8192
PROTECTOR = Protector(key=b"bench-key-of-32-bytes-or-more....")


def batches(body: bytes) -> list[Batch]:
    """Return the unsealed batches of *body*."""
    return list(decode("traces", [body], ORIGIN).batches)


def cost(work: Callable[[], object], spans: int, rounds: int = 5) -> float:
    """Return the least CPU time of *work* in microseconds a span."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return round(best / spans * 1e6, 2)


def by_value(rows: pa.RecordBatch) -> None:
    """Clean each attribute by the scalar rules, with nothing remembered."""
    for pairs in rows["SpanAttributes"].to_pylist():
        for key, text in pairs:
            PROTECTOR.rewrite(key, text)


def run() -> dict[str, Any]:
    """Return the figures: our cost a span, and the scalar rules' as a ratio."""
    redact = Redact(PROTECTOR, Telemetry())
    bodies = {kind: request(kind, SPANS, 1) for kind in get_args(Kind)}
    figures: dict[str, Any] = {}
    for name, body in bodies.items():
        unsealed = batches(body)
        figures[name] = cost(lambda work=unsealed: [redact(b) for b in work], SPANS)
    rows = batches(bodies["fresh"])[0].rows.slice(0, 512)
    scalar = cost(lambda: by_value(rows), rows.num_rows, 2)
    figures["scalar_rules_over_ours"] = round(scalar / figures["fresh"], 1)
    one = batches(request("fresh", 1, 2))
    figures["one span"] = cost(lambda: [redact(b) for b in one], 1, 200)
    return figures


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
