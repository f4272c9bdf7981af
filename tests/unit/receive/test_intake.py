"""The intake is bounded, fair, and recognises what it already took."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from algovigil_processor.errors import Permanent, Retryable
from algovigil_processor.receive.intake import Accepted, Intake, Request, digest
from algovigil_processor.telemetry import Telemetry


def request(body: bytes, peer: str = "p", received_ns: int = 0) -> Request:
    key = digest("traces", body)
    return Request("traces", body, peer, "grpc", received_ns, key)


def intake(limit_bytes: int = 1 << 20, **settings: object) -> Intake:
    return Intake(
        Telemetry(),
        limit_bytes=limit_bytes,
        horizon_seconds=10,
        **settings,  # type: ignore[arg-type] # keyword settings of a test
    )


def test_a_group_takes_peers_in_turn() -> None:
    """A greedy peer does not push a small one to the end of the queue."""
    queue = intake()
    for body in (b"a1", b"a2", b"a3"):
        queue.offer(request(body, "a"))
    queue.offer(request(b"b1", "b"))
    assert [b"a1", b"b1", b"a2", b"a3"] == [r.body for r in queue.take(1 << 20)]


def test_a_group_stops_at_its_bytes() -> None:
    """A group is bounded; the rest waits for the next worker."""
    queue = intake()
    for number in range(4):
        queue.offer(request(bytes([number]) * 100))
    assert 2 == len(queue.take(150))
    assert 2 == len(queue.take(1 << 20))


def test_small_senders_need_not_wait_for_the_groups_of_large_ones() -> None:
    """While every worker is at a group, express takes what peers with little sent."""
    queue = intake()
    for number in range(3):
        queue.offer(request(bytes([number]) * 50_000, "greedy"))
    first = queue.take(50_000)
    assert ["greedy"] == [r.peer for r in first]
    queue.offer(request(b"s", "small"))
    assert ["small"] == [r.peer for r in queue.take(1 << 20, express=True)]
    assert ["greedy"] * 2 == [r.peer for r in queue.take(1 << 20)]


def test_express_leaves_an_idle_worker_its_work() -> None:
    """Without load one worker takes all, so that groups stay whole."""
    queue = intake()
    taken: dict[str, int] = {}

    def work(name: str, express: bool) -> None:
        while group := queue.take(1 << 20, express=express):
            taken[name] = taken.get(name, 0) + len(group)
            for one in group:
                queue.accept(one, Accepted())

    threads = [
        threading.Thread(target=work, args=("worker", False)),
        threading.Thread(target=work, args=("express", True)),
    ]
    for thread in threads:
        thread.start()
    for number in range(50):
        queue.offer(request(bytes([number]), "small")).result(5)
    queue.close()
    for thread in threads:
        thread.join(5)
    assert 50 == sum(taken.values())
    assert taken["worker"] > taken.get("express", 0)


def test_full_refuses_at_once_and_frees_again() -> None:
    """Over the byte limit the answer is immediate, with advice; room comes back."""
    queue = intake(limit_bytes=2048)
    first = request(b"x" * 1000)
    queue.offer(first)
    with pytest.raises(Retryable) as refusal:
        queue.offer(request(b"y" * 1000))
    assert 1 == refusal.value.retry_seconds
    queue.take(1 << 20)
    queue.accept(first, Accepted())
    assert isinstance(queue.offer(request(b"y" * 1000)), Future)


def test_a_greedy_peer_leaves_room_for_a_small_one() -> None:
    """When memory is short, no peer holds more than its share."""
    queue = intake(limit_bytes=20_000)
    with pytest.raises(Retryable):
        for number in range(100):
            queue.offer(request(bytes([number]) * 1000, "greedy"))
            queue.offer(request(bytes([number]) * 10, "small"))
    assert isinstance(queue.offer(request(b"one more", "third")), Future)


def test_a_retry_in_flight_shares_the_answer() -> None:
    """The same body twice is one request with two callers."""
    queue = intake()
    first = request(b"same")
    a, b = queue.offer(first), queue.offer(request(b"same"))
    assert [first] == queue.take(1 << 20)
    queue.accept(first, Accepted(2, "why"))
    assert Accepted(2, "why") == a.result(1) == b.result(1)


def test_a_retry_after_the_ack_is_answered_as_before() -> None:
    """Within the horizon a known body is not taken again; beyond it, it is."""
    queue = intake()
    first = request(b"same", received_ns=0)
    queue.offer(first)
    queue.take(1 << 20)
    queue.accept(first, Accepted(1))
    again = queue.offer(request(b"same", received_ns=5 * 10**9))
    assert Accepted(1) == again.result(0)
    assert not queue.offer(request(b"same", received_ns=11 * 10**9)).done()


def test_digests_of_an_earlier_run_are_known() -> None:
    """A retry after a restart is recognised."""
    key = digest("traces", b"same")
    queue = intake(known=[(key, 0, 3)])
    assert Accepted(3) == queue.offer(request(b"same", received_ns=1)).result(0)


def test_the_same_bytes_as_another_signal_are_another_request() -> None:
    """An empty traces request and an empty logs request differ."""
    assert digest("traces", b"") != digest("logs", b"")


def test_a_failed_request_may_be_sent_again() -> None:
    """A refusal is not remembered as a success."""
    queue = intake()
    first = request(b"same")
    promise = queue.offer(first)
    queue.take(1 << 20)
    queue.fail(first, Permanent("no"))
    with pytest.raises(Permanent):
        promise.result(0)
    assert not queue.offer(request(b"same")).done()


def test_closing_refuses_new_and_keeps_admitted() -> None:
    """A stop drains: what was admitted is still handed out."""
    queue = intake()
    queue.offer(request(b"a"))
    queue.close()
    with pytest.raises(Retryable):
        queue.offer(request(b"b"))
    assert 1 == len(queue.take(1 << 20))
    assert [] == queue.take(1 << 20)
