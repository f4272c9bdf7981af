"""Twice the load that can be taken: memory bounded, advice given, small ones served."""

from __future__ import annotations

import itertools
import os
import statistics
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2

from integration.processor.served import Served, trace_request

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(400)  # processes start, on a shared machine

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_GREEDY = 7
_OUTSTANDING = 6  # requests of one greedy sender under way at a time
_SPANS = 2000  # of a greedy request, 250 kB
_QUEUE = 2 << 20


def stub(address: str) -> tuple[grpc.Channel, Any]:
    """Return a connection of its own and its Export method."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.insecure_channel(address, options)
    return channel, channel.unary_unary(_METHOD)


class Greedy(threading.Thread):
    """Sends as fast as it is answered, whatever the advice, many at a time."""

    numbers = itertools.count(1)

    def __init__(self, address: str, body: bytes, stopping: threading.Event) -> None:
        super().__init__()
        self._address, self._body, self._stopping = address, body, stopping
        self.accepted = self.refused = 0
        self.other: list[str] = []

    def run(self) -> None:
        channel, export = stub(self._address)
        free = threading.Semaphore(_OUTSTANDING)

        def answered(future: Any) -> None:
            self._count(future)
            free.release()

        with channel:
            while not self._stopping.wait(0.01):
                free.acquire()
                # an unknown field makes each body another request
                mark = next(self.numbers).to_bytes(8, "big")
                body = self._body + b"\xa2\x06\x08" + mark
                export.future(body, timeout=60).add_done_callback(answered)
            for _ in range(_OUTSTANDING):
                free.acquire()

    def _count(self, future: Any) -> None:
        error = future.exception()
        if error is None:
            self.accepted += 1
            return
        trailers = dict(error.trailing_metadata() or ())
        raw = trailers.get("google.rpc.retryinfo-bin", b"")
        delay = error_details_pb2.RetryInfo.FromString(raw).retry_delay.seconds
        if error.code() == grpc.StatusCode.UNAVAILABLE and 1 <= delay <= 3:
            self.refused += 1
        else:
            self.other.append(f"{error.code()} {error.details()}")


def small(export: Callable[..., Any], seconds: float, ids: Any) -> list[float]:
    """Send one span every 20 ms; return the seconds until each acknowledgement."""
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        started = time.monotonic()
        export(trace_request(next(ids)), timeout=30)
        took.append(time.monotonic() - started)
        time.sleep(0.02)
    return took


def p99(took: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return statistics.quantiles(took, n=100)[98] * 1e3


def rss_mb(pid: int) -> float:
    """Return resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def ticks(served: Served) -> float:
    """Return how often rules were evaluated."""
    text = httpx.get(f"http://{served.addresses['api']}/metrics", timeout=30).text
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("algovigil_analyse_ticks_total")
    )


@pytest.mark.parametrize(
    ("seconds", "times"),
    [
        (6, 20.0),  # what a suite can tell on a shared machine
        pytest.param(180, 2.0, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
def test_overload_is_refused_and_hurts_no_small_sender(
    tmp_path: Path, seconds: int, times: float
) -> None:
    """Seven greedy senders and a small one, for that many seconds.

    The small one is never refused, and its p99 stays under *times* its own alone.
    """
    config = tmp_path / "c.yaml"
    config.write_text(
        f"ingest: {{queue_bytes: {_QUEUE}}}\n"
        "alerts: {interval: 1}\ndrift_detection: {interval: 1}\n"
    )
    ids = itertools.count(1 << 40)
    body = trace_request(*range(1, _SPANS))
    with Served(tmp_path / "data", f"--config={config}") as served:
        address = served.addresses["grpc"]
        channel, export = stub(address)
        small(export, 1, ids)
        alone = p99(small(export, max(3, seconds / 10), ids))
        stopping = threading.Event()
        greedy = [Greedy(address, body, stopping) for _ in range(_GREEDY)]
        before = ticks(served)
        for sender in greedy:
            sender.start()
        beside: list[float] = []
        memory: list[float] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            beside += small(export, 1, ids)
            memory.append(rss_mb(served.pid))
        ticked = ticks(served) - before
        stopping.set()
        for sender in greedy:
            sender.join(90)
        channel.close()
    accepted = sum(sender.accepted for sender in greedy)
    refused = sum(sender.refused for sender in greedy)
    print(
        f"offered {accepted + refused}, accepted {accepted}; "
        f"small p99 {alone:.0f} ms alone, {p99(beside):.0f} ms beside {_GREEDY}; "
        f"memory at most {max(memory):.0f} MB; {ticked:.0f} ticks"
    )
    assert [] == [text for sender in greedy for text in sender.other]
    assert refused >= accepted > 0
    assert max(memory) < 1200
    assert ticked > 0
    assert p99(beside) < times * alone
