"""The bounded queue between the caller's thread and the network, for spans and logs.

Invariant: putting a record costs the caller one append, whatever the network does;
what waits is bounded in records and in bytes; closing returns within its deadline.
OpenTelemetry's own batch processors bound records only, and join for 30 s.
"""

from __future__ import annotations

import copy
import logging
import os
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from algovigil import semconv
from algovigil.quiet import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.trace.export import SpanExporter

_log: Final = logging.getLogger("algovigil")

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of records that may wait, as they lie in memory."""
BATCH_BYTES: Final = 8 * 1024 * 1024
RECORD_BYTES: Final = 2048
"""What a record without arrays takes, about."""
CLOSE_SECONDS: Final = 4.0
_VALUE_BYTES: Final = 32  # a Python float and its place in a tuple
_WARN_SECONDS: Final = 60.0


class Outgoing:
    """A queue and the thread that empties it through *export*.

    Args:
        export: Sends a batch; may block, may raise.
        what: Name for log lines and the thread.
        delay: Seconds that a record waits for company, at most.
        most: Records that may wait; more are dropped, the new ones, and counted.
        batch: Records sent at once, at most.
    """

    def __init__(
        self,
        export: Callable[[list[Any]], object],
        what: str,
        *,
        delay: float,
        most: int,
        batch: int,
    ) -> None:
        self._export: Final = export
        self._what: Final = what
        self._delay: Final = delay
        self._most: Final = most
        self._batch: Final = batch
        self.dropped = 0
        self._warned = -_WARN_SECONDS
        self._start()
        weak = weakref.WeakMethod(self._start)
        os.register_at_fork(after_in_child=lambda: (again := weak()) and again())

    def _start(self) -> None:
        """Begin with nothing queued; after a fork, the parent sends what it had."""
        self._waiting: deque[tuple[int, Any]] = deque()
        self._bytes = 0
        self._sending = False
        self._closed = False
        # reentrant: a signal handler may log while its thread puts a record
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def _begin(self) -> None:
        """Start the thread, at the first record: most forked children have none."""
        self._thread = threading.Thread(
            target=self._run, name=f"algovigil-{self._what}", daemon=True
        )
        self._thread.start()

    def put(self, record: Any, size: int) -> None:
        """Queue *record* of *size* bytes, or drop it; never blocks, never raises."""
        if not self.offer(record, size):
            self.dropped += 1
            if not self._closed:
                self._warn()

    def offer(self, record: Any, size: int) -> bool:
        """Queue *record* of *size* bytes if there is room; never blocks."""
        with self._changed:
            full = len(self._waiting) >= self._most or self._bytes + size > MOST_BYTES
            if self._closed or full:
                return False
            self._waiting.append((size, record))
            self._bytes += size
            if self._thread is None:
                self._begin()
            elif len(self._waiting) == self._batch or self._bytes >= BATCH_BYTES:
                self._changed.notify_all()
        return True

    def _warn(self) -> None:
        now = time.monotonic()
        if now - self._warned >= _WARN_SECONDS:
            self._warned = now
            _log.warning(
                "algovigil: %s queue full, %d dropped", self._what, self.dropped
            )

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._closed and len(self._waiting) < self._batch:
                    self._changed.wait(self._delay)
                records = self._take()
                if not records and self._closed:
                    return
            if records:
                self._send(records)
                with self._changed:
                    self._sending = False
                    self._changed.notify_all()

    def _take(self) -> list[Any]:
        records: list[Any] = []
        size = 0
        while self._waiting and len(records) < self._batch and size < BATCH_BYTES:
            one, record = self._waiting.popleft()
            size += one
            records.append(record)
        self._bytes -= size
        self._sending = bool(records)
        return records

    def _send(self, records: list[Any]) -> None:
        try:
            with suppress_instrumentation():
                self._export(records)
        except Exception as error:
            tell(f"exporting {self._what}", error)

    def flush(self, seconds: float) -> bool:
        """Wait until nothing waits or is being sent; False if *seconds* passed."""
        with self._changed:
            self._changed.notify_all()
            return self._changed.wait_for(
                lambda: not self._waiting and not self._sending, seconds
            )

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Take nothing more, send what waits, and return after *seconds* at most."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(seconds)
        with self._changed:
            self.dropped += len(self._waiting)
            self._waiting.clear()


class Renewed:
    """An exporter that is made anew in a forked child, when it first exports there.

    A channel or a connection of the parent's is of no use to a child: both would write
    to one socket, and gRPC's threads are not there.
    """

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter
        self._pid = os.getpid()

    def __getattr__(self, name: str) -> Any:
        """Return what this process's exporter has under *name*."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._exporter = type(self._exporter)()
        return getattr(self._exporter, name)


def _setting(signal: str, name: str, default: int) -> int:
    try:
        return max(1, int(os.environ.get(f"OTEL_{signal}_{name}", default)))
    except ValueError:
        return default


def _outgoing(
    export: Callable[[list[Any]], object], what: str, signal: str
) -> Outgoing:
    most = _setting(signal, "MAX_QUEUE_SIZE", 2048)
    return Outgoing(
        export,
        what,
        delay=_setting(signal, "SCHEDULE_DELAY", 1000) / 1000,
        most=most,
        batch=min(most, _setting(signal, "MAX_EXPORT_BATCH_SIZE", 512)),
    )


def _size(attributes: Any) -> int:
    if not attributes:
        return RECORD_BYTES
    cells = len(attributes.get(semconv.FEATURE_VALUES, ()))
    return RECORD_BYTES + _VALUE_BYTES * cells


class OutgoingSpans(SpanProcessor):
    """Sends ended spans; `OTEL_BSP_*` is honoured."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter: Final = Renewed(exporter)
        self.queue: Final = _outgoing(self._batch, "spans", "BSP")

    def _batch(self, spans: Sequence[ReadableSpan]) -> object:
        return self._exporter.export(spans)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue *span* if it is sampled."""
        if span.context is not None and span.context.trace_flags.sampled:
            self.queue.put(span, _size(span.attributes))

    def shutdown(self) -> None:
        """Send what waits, for a few seconds at most."""
        self.queue.close()
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int | None = 30_000) -> bool:
        """Wait until all is sent."""
        return self.queue.flush((timeout_millis or 30_000) / 1000)


class OutgoingLogs(LogRecordProcessor):
    """Sends log records; `OTEL_BLRP_*` is honoured."""

    def __init__(self, exporter: LogRecordExporter) -> None:
        self._exporter: Final = Renewed(exporter)
        self.queue: Final = _outgoing(self._batch, "logs", "BLRP")

    def _batch(self, records: Sequence[ReadableLogRecord]) -> object:
        return self._exporter.export(records)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue *log_record*, without the context that it was made in."""
        record = copy.copy(log_record.log_record)
        record.context = Context()
        readable = ReadableLogRecord(
            log_record=record,
            resource=log_record.resource or Resource.get_empty(),
            instrumentation_scope=log_record.instrumentation_scope,
            limits=log_record.limits,
        )
        body = record.body
        extra = len(body) if isinstance(body, str) else 0
        self.queue.put(readable, _size(record.attributes) + extra)

    def shutdown(self) -> None:
        """Send what waits, for a few seconds at most."""
        self.queue.close()
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until all is sent."""
        return self.queue.flush(timeout_millis / 1000)
