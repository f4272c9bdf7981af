"""How soon a request is acknowledged, and its rows are visible; memory under load.

.venv/bin/python -m tests.bench.ingest_latency
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc
from tests.bench.processor import METHODS, SENDERS, Running, rss_mb
from tests.bench.spans import request

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE = 20_000  # spans a second
BATCH = 500


def idle(processor: Running, rounds: int) -> dict[str, float]:
    """Return milliseconds to the ack of one span, and until it is visible."""
    acked, visible = [], []
    with grpc.insecure_channel(processor.addresses["grpc"]) as channel:
        export = channel.unary_unary(METHODS["traces"])
        for number in range(rounds):
            body = request("fresh", 1, 10**6 + number)
            started = time.monotonic()
            export(body, timeout=30)
            acked.append(time.monotonic() - started)
            wanted = number + 1
            while int(str(processor.query(_COUNT))) < wanted:
                time.sleep(0.01)
            visible.append(time.monotonic() - started)
    return {
        "ack_median_ms": _ms(statistics.median(acked)),
        "visible_p99_ms": _ms(_p99(visible)),
    }


_COUNT = "SELECT count() FROM otel.otel_traces"


def paced(processor: Running, seconds: int) -> dict[str, float]:
    """Return the p99 of the ack at `RATE` spans a second, and what was reached."""
    took: list[float] = []
    count = RATE * seconds // BATCH
    bodies = [request("repeated", BATCH, seed) for seed in range(count)]
    begin = time.monotonic() + 0.5

    def sender(first: int) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(processor.addresses["grpc"], options) as channel:
            export = channel.unary_unary(METHODS["traces"])
            for number in range(first, count, SENDERS):
                due = begin + number * BATCH / RATE
                time.sleep(max(0, due - time.monotonic()))
                # from when it was due, so that a late sender hides nothing
                export(bodies[number], timeout=60)
                took.append(time.monotonic() - due)

    threads = [threading.Thread(target=sender, args=(n,)) for n in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reached = count * BATCH / (time.monotonic() - begin)
    return {"ack_p99_ms": _ms(_p99(took)), "spans_per_second": round(reached)}


def _p99(took: Sequence[float]) -> float:
    return statistics.quantiles(took, n=100)[98]


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 1)


def run(rounds: int = 100, seconds: int = 15) -> dict[str, Any]:
    """Return the figures of one processor."""
    with Running() as processor:
        figures: dict[str, Any] = {"idle": idle(processor, rounds)}
        figures[f"at {RATE} spans/s"] = paced(processor, seconds)
        figures["resident_mb_at_most"] = round(rss_mb(processor.pid))
    return figures


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
