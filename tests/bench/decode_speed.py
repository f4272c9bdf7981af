"""Microseconds of CPU that `decode` needs a span, beside a Python loop over upb.

    .venv/bin/python -m tests.bench.decode_speed

The spans are those of `tests.bench.spans`.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, get_args

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from tests.bench.spans import Kind, request

from algovigil_processor.batch import Origin
from algovigil_processor.decode import decode
from algovigil_processor.derive.inferences import inferences

if TYPE_CHECKING:
    from collections.abc import Callable

SPANS = 2048
REQUESTS = 4
ORIGIN = Origin("bench", time.time_ns())


def walk(bodies: list[bytes]) -> int:
    """Return how many attributes a Python loop over upb messages touches."""
    seen = 0
    for body in bodies:
        message = ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    row = (span.trace_id.hex(), span.span_id.hex(), span.name)
                    pairs = {}
                    for pair in span.attributes:
                        kind = pair.value.WhichOneof("value")
                        pairs[pair.key] = str(getattr(pair.value, kind or "int_value"))
                    seen += len(pairs) + len(row)
    return seen


def cpu(work: Callable[[], object], repeats: int = 7) -> float:
    """Return the least CPU seconds of *repeats* runs of *work*."""
    best = float("inf")
    for _ in range(repeats):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


def run() -> dict[str, Any]:
    """Return microseconds of CPU a span, beside the loop's, and a row derived."""
    figures: dict[str, Any] = {}
    for kind in get_args(Kind):
        bodies = [request(kind, SPANS, seed) for seed in range(REQUESTS)]
        spans = SPANS * REQUESTS
        ours = cpu(lambda b=bodies: decode("traces", b, ORIGIN)) / spans * 1e6
        loop = cpu(lambda b=bodies: walk(b), 2) / spans * 1e6
        figures[kind] = {
            "us_per_span": round(ours, 2),
            "loop_over_upb_us_per_span": round(loop, 2),
            "ratio": round(ours / loop, 2),
        }
        for batch in decode("traces", bodies, ORIGIN).batches:
            if batch.table == "calls":
                rows = batch.rows
                each = cpu(lambda r=rows: inferences(r, "p")) / rows.num_rows * 1e6
                figures["derive_us_per_row_of_30_features"] = round(each, 2)
    one = [request("fresh", 1, 1)]
    each = cpu(lambda: [decode("traces", one, ORIGIN) for _ in range(50)], 5) / 50
    figures["one_span_request_ms"] = round(each * 1e3, 2)
    return figures


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
