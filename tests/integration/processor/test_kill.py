"""An acknowledgement survives `kill -9`, and nothing is stored twice."""

from __future__ import annotations

import itertools
import random
import threading
import time
from typing import TYPE_CHECKING

import grpc
import pytest

from integration.processor.served import Served, export, trace_request

if TYPE_CHECKING:
    from pathlib import Path

_SENDERS = 3


class Sender(threading.Thread):
    """Sends requests of its own ids and repeats each until it is acknowledged."""

    def __init__(self, number: int, address: list[str], stopping: threading.Event):
        super().__init__()
        self._ids = itertools.count((number + 1) << 32)
        self._address = address
        self._stopping = stopping
        self._rng = random.Random(number)
        self.acknowledged: list[int] = []
        self.retries = 0

    def run(self) -> None:
        while not self._stopping.is_set():
            ids = [next(self._ids) for _ in range(self._rng.randrange(1, 60))]
            # days apart: parts of several partitions in one insert
            start_ns = time.time_ns() - self._rng.randrange(4) * 86_400 * 10**9
            body = trace_request(*ids, start_ns=start_ns)
            while True:
                try:
                    export(self._address[0], body)
                except grpc.RpcError:
                    self.retries += 1
                    time.sleep(0.05)
                else:
                    break
            self.acknowledged += ids


@pytest.mark.parametrize(
    "cycles",
    [5, pytest.param(60, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)
def test_stored_equals_acknowledged_after_kills(tmp_path: Path, cycles: int) -> None:
    """Kills in mid-stream lose no acknowledged span and double none.

    Every request is repeated, byte for byte, until it is acknowledged, so that in the
    end all that was sent is acknowledged. Rollups agree with the raw rows.
    """
    data_dir = tmp_path / "data"
    rng = random.Random(7)
    served = Served(data_dir)
    address = [served.addresses["grpc"]]
    stopping = threading.Event()
    senders = [Sender(number, address, stopping) for number in range(_SENDERS)]
    for sender in senders:
        sender.start()
    for _ in range(cycles):
        time.sleep(0.3 + rng.random())  # a kill at any moment of the stream
        served.kill()
        served = Served(data_dir)
        address[0] = served.addresses["grpc"]
    stopping.set()
    for sender in senders:
        sender.join(30)
    with served:
        acknowledged = sum(len(sender.acknowledged) for sender in senders)
        assert acknowledged > 0
        assert sum(sender.retries for sender in senders) > 0
        served.wait_for("SELECT count() FROM otel_traces", acknowledged)
        assert acknowledged == served.query("SELECT uniqExact(SpanId) FROM otel_traces")
        assert acknowledged == served.query("SELECT sum(spans) FROM span_rollup")
        assert acknowledged == served.query("SELECT count() FROM inferences")
        assert acknowledged == served.query(
            "SELECT sum(predictions) FROM inference_rollup"
        )


def test_a_retry_after_a_restart_is_recognised(tmp_path: Path) -> None:
    """A request acknowledged before an orderly stop is not stored again after it."""
    body = trace_request(1, 2, 3)
    with Served(tmp_path / "data") as first:
        export(first.addresses["grpc"], body)
        assert first.terminate()[0] == 0
    with Served(tmp_path / "data") as second:
        export(second.addresses["grpc"], body)
        export(second.addresses["grpc"], trace_request(4))
        second.wait_for("SELECT count() FROM otel_traces", 4)
