"""Seven greedy senders in a process of their own: as other machines would, they take
neither the interpreter nor, where the processor wants it, the CPU of those they crowd.

    python -m integration.processor.greedy ADDRESS OUTSTANDING < BODY

One body, an OTLP request of traces, is read from standard input. Each has OUTSTANDING
requests under way at a time; as refusals wait for a second, that many a second are
refused. They send until SIGTERM, then say in a line of JSON how many were accepted and
refused, and all other answers.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
from typing import Any

import grpc
from google.rpc import error_details_pb2

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SENDERS = 7


def stub(address: str) -> tuple[grpc.Channel, Any]:
    """Return a connection of its own and its Export method."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.insecure_channel(address, options)
    return channel, channel.unary_unary(_METHOD)


class Greedy(threading.Thread):
    """Sends as fast as it is answered, whatever the advice, many at a time."""

    numbers = itertools.count(1)

    def __init__(
        self, address: str, body: bytes, outstanding: int, stopping: threading.Event
    ) -> None:
        super().__init__()
        self._outstanding = outstanding
        self._address, self._body, self._stopping = address, body, stopping
        self.accepted = self.refused = 0
        self.other: list[str] = []

    def run(self) -> None:
        channel, export = stub(self._address)
        free = threading.Semaphore(self._outstanding)

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
            for _ in range(self._outstanding):
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


def main() -> None:
    """Send until SIGTERM, then print the counts."""
    os.nice(19)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    body = sys.stdin.buffer.read()
    address, outstanding = sys.argv[1], int(sys.argv[2])
    senders = [Greedy(address, body, outstanding, stopping) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    print("sending", flush=True)
    while not stopping.wait(1):
        pass
    for sender in senders:
        sender.join(90)
    print(
        json.dumps(
            {
                "accepted": sum(sender.accepted for sender in senders),
                "refused": sum(sender.refused for sender in senders),
                "other": [text for sender in senders for text in sender.other],
            }
        )
    )


if __name__ == "__main__":
    main()
