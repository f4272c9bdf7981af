"""Pools of processes under a processor that is dead or hangs: they end in time."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from frameworks.test_servers import environ, instrumented, kinds
from integration.sdk.collector import Collector
from integration.sdk.test_zero_code import seconds_to_exit

if TYPE_CHECKING:
    from collections.abc import Iterator

POOL = """
import time
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
model = LogisticRegression().fit([[0.0], [1.0]], ["a", "b"])
def score(value):
    return model.predict([[value]]).tolist()
print("answered", Parallel(2)(delayed(score)(0.0) for _ in range(20))[0])
print("ended", time.time())
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.stop()


def pool(collector: Collector, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        instrumented(sys.executable, "-c", POOL),
        env=environ(collector, **extra),
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def test_calls_in_workers_of_loky_are_recorded(collector: Collector) -> None:
    """The caller sent its own calls to processes: each of them counts, once."""
    done = pool(collector)
    assert 0 == done.returncode, done.stderr
    assert 20 == len(kinds(collector)[0])


def test_workers_end_though_the_processor_hangs(collector: Collector) -> None:
    """Workers give up before the program that waits for them does.

    The bound leaves a shared machine room for the ends of three interpreters.
    """
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        endpoint = f"http://127.0.0.1:{mute.getsockname()[1]}"
        done = pool(collector, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert seconds_to_exit(done) < 8.0
