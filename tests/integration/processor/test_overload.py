"""Twice the load that can be taken: memory bounded, advice given, small ones served."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from integration.processor.greedy import SENDERS, stub
from integration.processor.served import Served, trace_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.timeout(400)  # processes start, on a shared machine

_TESTS = Path(__file__).resolve().parents[2]
_SPANS = 2000  # of a greedy request, 250 kB
_QUEUE = 2 << 20


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


def nice(pid: int) -> dict[str, set[int]]:
    """Return by name the priorities of a process's threads."""
    found: dict[str, set[int]] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        priority = os.getpriority(os.PRIO_PROCESS, int(task.name))
        found.setdefault(name, set()).add(priority)
    return found


def ticks(served: Served) -> float:
    """Return how often rules were evaluated."""
    text = httpx.get(f"http://{served.addresses['api']}/metrics", timeout=30).text
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("algovigil_analyse_ticks_total")
    )


@contextlib.contextmanager
def greedy(address: str, body: bytes, outstanding: int) -> Iterator[dict[str, Any]]:
    """Have greedy senders at *address*; at the end the dictionary has their counts."""
    counts: dict[str, Any] = {}
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "integration.processor.greedy",
            address,
            str(outstanding),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_TESTS)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(body)
            process.stdin.close()
            assert b"sending\n" == process.stdout.readline()
            yield counts
            process.terminate()
            counts.update(json.loads(process.stdout.read()))
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("seconds", "times", "outstanding"),
    [
        (6, 20.0, 12),  # what a suite can tell on a shared machine
        # as many are refused as are taken: twice the load
        pytest.param(180, 2.0, 6, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
def test_overload_is_refused_and_hurts_no_small_sender(
    tmp_path: Path, seconds: int, times: float, outstanding: int
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
        alone = p99(small(export, max(3, seconds / 2), ids))
        before = ticks(served)
        beside: list[float] = []
        memory: list[float] = []
        with greedy(address, body, outstanding) as sent:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                beside += small(export, 1, ids)
                memory.append(rss_mb(served.pid))
            ticked = ticks(served) - before
            merging = nice(served.pid)["MergeMutate"]
            mine = os.getpriority(os.PRIO_PROCESS, 0)
            first = os.getpriority(os.PRIO_PROCESS, served.pid)
        channel.close()
    accepted, refused = sent["accepted"], sent["refused"]
    print(
        f"offered {accepted + refused}, accepted {accepted}; "
        f"small p99 {alone:.0f} ms alone, {p99(beside):.0f} ms beside {SENDERS}; "
        f"memory at most {max(memory):.0f} MB; {ticked:.0f} ticks"
    )
    assert [] == sent["other"]
    assert refused >= accepted > 0
    assert max(memory) < 1200
    assert ticked > 0
    assert first == mine
    assert min(merging) >= 10  # what the database does by itself has stepped back
    assert p99(beside) < times * alone
