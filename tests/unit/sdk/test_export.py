from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from algovigil import export
from algovigil.export import Outgoing

if TYPE_CHECKING:
    import pytest


def outgoing(send: Any, **changes: Any) -> Outgoing:
    return Outgoing(send, "test", **{"delay": 0.01, "most": 10, "batch": 4} | changes)


def test_all_is_sent_in_order_and_in_batches() -> None:
    """Nothing is lost, nothing overtakes, no batch exceeds its bound."""
    sent: list[list[int]] = []
    queue = outgoing(sent.append, most=1000)
    for i in range(100):
        queue.put(i, 1)
    queue.close()
    assert list(range(100)) == [i for batch in sent for i in batch]
    assert max(map(len, sent)) <= 4
    assert 0 == queue.dropped


def test_a_hanging_network_costs_the_caller_nothing() -> None:
    """Puts return at once, the bound holds, closing ends in time."""
    released = threading.Event()
    queue = outgoing(lambda _: released.wait(30))
    begin = time.monotonic()
    for i in range(10_000):
        queue.put(i, 1)
    assert time.monotonic() - begin < 1.0
    assert queue.dropped >= 10_000 - 10 - 4
    begin = time.monotonic()
    queue.close(0.2)
    assert time.monotonic() - begin < 1.0
    released.set()


def test_a_record_put_while_another_is_put_hangs_nobody() -> None:
    """A signal handler that logs runs in the midst of its own thread's work."""
    sent: list[list[str]] = []
    queue = outgoing(sent.append)

    def interrupted() -> None:
        with queue._changed:
            queue.put("of the handler", 1)

    thread = threading.Thread(target=interrupted, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    queue.close()
    assert sent == [["of the handler"]]


def test_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few records may be too much already."""
    monkeypatch.setattr(export, "MOST_BYTES", 100)
    released = threading.Event()
    queue = outgoing(lambda _: released.wait(30), delay=30, batch=10)
    for _ in range(5):
        queue.put("x", 40)
    assert 3 == queue.dropped
    released.set()
    queue.close()


def test_an_exporter_that_raises_is_survived() -> None:
    """The next batch is tried as if nothing had been."""
    sent: list[int] = []

    def send(batch: list[int]) -> None:
        if batch[0] == 0:
            raise RuntimeError
        sent.extend(batch)

    queue = outgoing(send, batch=1)
    for i in range(3):
        queue.put(i, 1)
    assert queue.flush(5)
    assert [1, 2] == sent
    queue.close()


def test_a_forked_child_sends_its_own() -> None:
    """After a fork the child starts empty and sends what it adds itself."""
    sent: list[str] = []
    read, write = os.pipe()
    queue = outgoing(sent.extend, delay=30)
    queue.put("parent", 1)
    child = os.fork()
    if child == 0:
        queue.put("child", 1)
        queue.close(2)
        os.write(write, ",".join(sent).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert b"child" == os.read(read, 100)
    queue.close()
    assert ["parent"] == sent
