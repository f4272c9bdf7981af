"""An acknowledgement survives `kill -9`, and nothing is stored twice."""

from __future__ import annotations

import dataclasses
import itertools
import random
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import grpc
import pytest

from algovigil_processor.journal import segment
from integration.processor.served import Served, command, export, trace_request

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


@dataclasses.dataclass
class Kills:
    """How many kills there were, and what they met."""

    total: int = 0
    starting: int = 0
    """While segments of the run before were being stored, or soon after."""
    journaled: int = 0
    """With acknowledged spans in the journal."""
    between: int = 0
    """With acknowledged spans in the journal and not yet in the database."""


def journaled(data_dir: Path) -> set[str]:
    """Return the ids of the spans that whole frames of the journal hold."""
    return {
        span_id
        for path in (data_dir / "journal").glob("*.segment")
        for batch in segment.read(path).batches
        if batch.table == "otel_traces"
        for span_id in batch.rows.column("SpanId").to_pylist()
    }


_STORED = """
import sys
from chdb import session
s = session.Session(sys.argv[1])
print(s.query("SELECT SpanId FROM otel.otel_traces", "TSV"))
"""


def stored(data_dir: Path) -> set[str]:
    """Return the ids of the spans that the database holds; nobody else has it open."""
    command = [sys.executable, "-c", _STORED, str(data_dir / "clickhouse")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # a table that is not there yet holds nothing
    return set(done.stdout.split())


def kill(served: Served, kills: Kills, wanted: int) -> None:
    """Kill the processor and look at what it left, until *wanted* was seen."""
    served.kill()
    kills.total += 1
    left = journaled(served.data_dir)
    kills.journaled += bool(left)
    if left and kills.between < wanted:
        kills.between += not left <= stored(served.data_dir)


def restarted(data_dir: Path, rng: random.Random, kills: Kills) -> Served:
    """Start again; one time in four kill that start too, at any moment of it."""
    if rng.random() < 0.25:
        child = subprocess.Popen(
            command(data_dir), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(rng.random() * 3)
        child.kill()
        child.wait()
        kills.total += 1
        kills.starting += 1
    return Served(data_dir)


@pytest.mark.parametrize(
    ("cycles", "between"),
    [
        (5, 1),
        pytest.param(200, 20, marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
)
def test_stored_equals_acknowledged_after_kills(
    tmp_path: Path, cycles: int, between: int
) -> None:
    """Kills in mid-stream lose no acknowledged span and double none.

    Every request is repeated, byte for byte, until it is acknowledged, so that in the
    end all that was sent is acknowledged. Rollups agree with the raw rows. Requests
    span several days. So many kills come between the journal and the database.
    """
    data_dir = tmp_path / "data"
    rng = random.Random(7)
    kills = Kills()
    served = Served(data_dir)
    address = [served.addresses["grpc"]]
    stopping = threading.Event()
    senders = [Sender(number, address, stopping) for number in range(_SENDERS)]
    for sender in senders:
        sender.start()
    while kills.total < cycles:
        time.sleep(0.1 + rng.random())  # a kill at any moment of the stream
        kill(served, kills, between)
        print(kills, flush=True)
        served = restarted(data_dir, rng, kills)
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
    assert kills.between >= between
    assert not (data_dir / "journal" / "set-aside").exists()
    print(kills, f"{acknowledged} spans acknowledged and stored once")


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
