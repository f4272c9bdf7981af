"""`Intake`: the only queue, bounded in bytes and shared fairly between peers.

Full means refuse at once, with advice; nothing here waits for room. Workers take all
that waits, up to a group's bytes, so that load makes groups larger, never later; one
more takes what small senders sent while the others are at work on large groups.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from algovigil_processor.errors import Retryable
from algovigil_processor.priority import step_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from algovigil_processor.pipeline import Signal
    from algovigil_processor.telemetry import Telemetry

_OVERHEAD_BYTES: Final = 512  # what an empty request costs us to hold
_LITTLE_BYTES: Final = 64 * 1024  # what a peer may hold to be served by express


@dataclass(frozen=True, slots=True)
class Accepted:
    """The fate of a request that is durable: what of it was refused, and why."""

    rejected: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One decompressed OTLP request and the promise made for it."""

    signal: Signal
    body: bytes
    peer: str
    transport: str
    received_ns: int
    digest: str
    future: Future[Accepted] = field(default_factory=Future)


def digest(signal: Signal, body: bytes) -> str:
    """Return what recognises a retry of *body*: gzip differs per try, this does not."""
    # processors have instructions for this one: 1.8 GB/s where BLAKE2 does 0.7
    state = hashlib.sha256(signal.encode())
    state.update(body)
    return state.hexdigest()[:32]


class Intake:
    """Requests on their way to the workers, and what is known of earlier ones."""

    def __init__(
        self,
        telemetry: Telemetry,
        *,
        limit_bytes: int,
        horizon_seconds: float,
        known: Iterable[tuple[str, int, int]] = (),
    ) -> None:
        """Bound the queue; *known* are (digest, received_ns, rejected) of before."""
        self._telemetry = telemetry
        self._limit_bytes = limit_bytes
        self._horizon_ns = int(horizon_seconds * 1e9)
        self._change = threading.Condition()
        self._waiting: dict[str, deque[Request]] = {}
        self._held: dict[str, int] = {}  # bytes waiting or in work, by peer
        self._bytes = 0
        self._closed = False
        self._idle = 0  # takers that wait, express ones aside
        self._in_work: dict[str, Future[Accepted]] = {}
        self._done: dict[str, tuple[int, Accepted]] = {}
        for key, received_ns, rejected in known:
            self._done[key] = received_ns, Accepted(rejected)

    def offer(self, request: Request) -> Future[Accepted]:
        """Admit *request*; the future resolves when it is durable, or raises.

        A request already durable within the horizon is answered as it was; one in
        work shares its future.

        Raises:
            Retryable: no room, or the processor is stopping.
        """
        size = len(request.body) + _OVERHEAD_BYTES
        with self._change:
            twin = self._twin(request)
            if twin is not None:
                self._telemetry.count("intake.duplicates")
                return twin
            self._room(request.peer, size)
            self._bytes += size
            self._held[request.peer] = self._held.get(request.peer, 0) + size
            self._in_work[request.digest] = request.future
            self._waiting.setdefault(request.peer, deque()).append(request)
            self._telemetry.gauge("intake.bytes", self._bytes)
            self._change.notify_all()
        return request.future

    def room(self, peer: str, body_bytes: int) -> None:
        """Return if a request of *body_bytes* of *peer* would be admitted now.

        Raises:
            Retryable: as `offer`.
        """
        with self._change:
            self._room(peer, body_bytes + _OVERHEAD_BYTES)

    def _room(self, peer: str, size: int) -> None:
        if self._closed:
            raise Retryable("the processor is stopping", 2)
        held = self._held.get(peer, 0)
        if self._bytes + size > self._limit_bytes or held + size > self._share(peer):
            self._telemetry.count("intake.refused")
            raise Retryable("more bytes are waiting than memory is allowed", 1)

    def _share(self, peer: str) -> int:
        """Bytes that *peer* may hold: all while there is room, else an equal part."""
        if self._bytes * 2 < self._limit_bytes:
            return self._limit_bytes
        return self._limit_bytes // len(self._held.keys() | {peer})

    def _twin(self, request: Request) -> Future[Accepted] | None:
        if request.digest in self._in_work:
            return self._in_work[request.digest]
        seen = self._done.get(request.digest)
        if seen is None or request.received_ns - seen[0] > self._horizon_ns:
            return None
        answered: Future[Accepted] = Future()
        answered.set_result(seen[1])
        return answered

    def take(self, group_bytes: int, *, express: bool = False) -> list[Request]:
        """Wait for requests and return up to *group_bytes* of them, peers in turn.

        An *express* taker takes only what peers with little sent, and only while every
        other taker is at work: a small sender never waits for the groups of large ones.
        An empty list means that the intake is closed and empty.
        """
        with self._change:
            self._idle += not express
            while not (peers := self._ready(express)) and not self._closed:
                self._change.wait()
            self._idle -= not express
            group: list[Request] = []
            size = 0
            while peers and size < group_bytes:
                peer = peers.popleft()
                requests = self._waiting.pop(peer)
                request = requests.popleft()
                if requests:
                    self._waiting[peer] = requests  # to the end of the turn order
                    peers.append(peer)
                group.append(request)
                size += len(request.body)
            if self._waiting:
                self._change.notify_all()  # this taker is no longer idle
            return group

    def _ready(self, express: bool) -> deque[str]:
        """Return the peers whose requests such a taker may take, in turn order."""
        if not express or self._closed:
            return deque(self._waiting)
        if self._idle:
            return deque()
        return deque(p for p in self._waiting if self._held[p] <= _LITTLE_BYTES)

    def accept(self, request: Request, accepted: Accepted) -> None:
        """Answer *request*: it is durable."""
        with self._change:
            self._release(request)
            self._done[request.digest] = request.received_ns, accepted
            self._expire(request.received_ns)
        request.future.set_result(accepted)

    def fail(self, request: Request, error: Exception) -> None:
        """Answer *request*: it was not kept."""
        with self._change:
            self._release(request)
        request.future.set_exception(error)

    def _release(self, request: Request) -> None:
        size = len(request.body) + _OVERHEAD_BYTES
        self._bytes -= size
        self._held[request.peer] -= size
        if not self._held[request.peer]:
            del self._held[request.peer]
        self._in_work.pop(request.digest, None)
        self._telemetry.gauge("intake.bytes", self._bytes)

    def _expire(self, now_ns: int) -> None:
        """Forget the oldest digests; insertion order is time order, so few are read."""
        while self._done:
            key = next(iter(self._done))
            if now_ns - self._done[key][0] <= self._horizon_ns:
                return
            del self._done[key]

    def close(self) -> None:
        """Refuse all that comes; what was admitted is still worked off."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def work(
        self,
        group_bytes: int,
        process: Callable[[list[Request]], None],
        *,
        express: bool = False,
    ) -> None:
        """Be a worker: process groups until the intake is closed and empty."""
        if not express:
            step_back()
        while group := self.take(group_bytes, express=express):
            process(group)
