"""`Journal`: what was acknowledged is on disk, redacted, until every table has it.

`append` returns after fsync. A segment closes when it is large or old enough, one
writer thread stores it under its own name as token, and another unlinks it once the
database has it on the disk too. After a kill, the segments left are stored again under
the same tokens, so each row is there once.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import IO, TYPE_CHECKING, Final, Protocol

from algovigil_processor.errors import Permanent, Retryable
from algovigil_processor.journal.segment import frame, read
from algovigil_processor.priority import step_back

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from algovigil_processor.batch import Batch
    from algovigil_processor.telemetry import Telemetry

_LOG: Final = logging.getLogger(__name__)
_SUFFIX: Final = ".segment"
_TRIES: Final = 5  # of an insert that ClickHouse calls impossible, before set-aside
_FEW_ROWS: Final = 2_048
_TOLD_EVERY: Final = 60  # tries of one segment


class Sink(Protocol):
    """Where segments go."""

    def insert(self, batches: Sequence[Batch], token: str) -> None:
        """Store *batches* once per *token*."""
        ...

    def flush(self) -> None:
        """Return when all that was stored survives a loss of power."""
        ...


class Journal:
    """The segments of one data directory, and the threads that empty them."""

    def __init__(
        self,
        folder: Path,
        sink: Sink,
        telemetry: Telemetry,
        *,
        segment_rows: int = 65_536,
        segment_seconds: float = 0.5,
        limit_bytes: int = 4 * 1024**3,
        retry_seconds: float = 1.0,
        flush_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._sink = sink
        self._telemetry = telemetry
        self._segment_rows = segment_rows
        self._segment_seconds = segment_seconds
        self._limit_bytes = limit_bytes
        self._retry_seconds = retry_seconds
        # a flush of all that the database wrote holds up each fsync meanwhile
        self._flush_seconds = flush_seconds
        self._clock = clock
        self._change = threading.Condition()
        self._closed: list[Path] = sorted(folder.glob(f"*{_SUFFIX}"))
        self._stored: list[Path] = []  # in the database, perhaps not on its disk yet
        self._flushed = clock()
        last = self._closed[-1].stem if self._closed else "0"
        # Tokens must never repeat in a database: the clock orders runs, the rest in one
        self._sequence = max(time.time_ns(), int(last))
        self._file: IO[bytes] | None = None
        self._path: Path | None = None
        self._rows = 0
        self._whole_bytes = 0
        self._opened = 0.0
        self._bytes = sum(path.stat().st_size for path in self._closed)
        self._stopping = False
        self._emptied = False  # the writer has ended
        self._threads: list[threading.Thread] = []

    def replay(self) -> int:
        """Store every segment that an earlier run left; return how many.

        To be called before `start`, and before any port opens. It does not return
        while the sink is away, because duplicates could not be recognised, unless
        `stop` is called.
        """
        segments = 0
        while self._closed and self._store(self._closed[0]):
            self._telemetry.count("journal.replayed")
            segments += 1
        self._settle()
        return segments

    def start(self) -> None:
        """Start the threads."""
        for name, run in (("writer", self._write_out), ("flusher", self._flush_out)):
            self._threads.append(threading.Thread(target=run, name=f"journal-{name}"))
            self._threads[-1].start()

    def append(self, batches: Sequence[Batch]) -> None:
        """Write one group and return when it is on the disk.

        Raises:
            Permanent: a batch is unsealed.
            Retryable: the byte limit is reached, or the disk refuses; nothing of the
                group was kept.
        """
        buffers = frame(batches)
        size = sum(len(buffer) for buffer in buffers)
        with self._change:
            if self._bytes + size > self._limit_bytes:
                raise Retryable("the journal is full: the database is away or slow", 3)
            try:
                self._write(buffers)
            except OSError as error:
                self._abandon()
                _LOG.error("journal: the disk refuses: %s", error.strerror)
                raise Retryable("the journal's disk refuses writes", 3) from None
            self._bytes += size
            self._rows += sum(batch.rows.num_rows for batch in batches)
            if self._rows >= self._segment_rows:
                self._close_segment()
            self._telemetry.count("journal.groups")
            self._telemetry.gauge("journal.bytes", self._bytes)
            self._change.notify_all()

    def mark(self) -> int:
        """Return a mark that everything appended so far is at or below."""
        with self._change:
            return self._sequence

    def is_stored(self, mark: int) -> bool:
        """Whether every table has what was appended before *mark* was taken."""
        with self._change:
            waiting = [*self._closed, *([self._path] if self._path else [])]
            return all(int(path.stem) > mark for path in waiting)

    def _write(self, buffers: Sequence[bytes | pa.Buffer]) -> None:
        if self._file is None:
            self._sequence += 1
            self._path = self._folder / f"{self._sequence}{_SUFFIX}"
            self._file = self._path.open("xb", buffering=0)
            _sync_folder(self._folder)
            self._opened = self._clock()
            self._whole_bytes = 0
        for buffer in buffers:
            view = memoryview(buffer).cast("B")
            while view:
                view = view[self._file.write(view) :]
        os.fdatasync(self._file.fileno())
        self._whole_bytes = self._file.tell()

    def _abandon(self) -> None:
        """Cut a torn frame off and close its segment: frames never follow a tear."""
        if self._file is None:
            return
        try:
            self._file.truncate(self._whole_bytes)
        except OSError as error:
            _LOG.warning("journal: a torn frame stays: %s", error.strerror)
        self._close_segment()

    def _close_segment(self) -> None:
        if self._file is None or self._path is None:
            return
        self._file.close()
        self._closed.append(self._path)
        self._file = self._path = None
        self._rows = 0

    def _write_out(self) -> None:
        """Store closed segments until all are stored and the journal stops."""
        step_back()
        try:
            while (path := self._next()) is not None and self._store(path):
                pass
        finally:
            with self._change:
                self._emptied = True
                self._change.notify_all()

    def _next(self) -> Path | None:
        """Wait for a closed segment; None once none is to come."""
        with self._change:
            while not self._closed:
                if self._stopping and self._file is None:
                    return None
                self._change.wait(self._wait_seconds())
                if self._stopping or self._wait_seconds() == 0:
                    self._close_segment()
            return self._closed[0]

    def _flush_out(self) -> None:
        """Unlink what is stored, every few seconds and at the end."""
        step_back()
        while True:
            with self._change:
                while not self._emptied and (wait := self._flush_wait()) != 0:
                    self._change.wait(wait)
                ended = self._emptied
            self._settle()
            if ended:
                return

    def _flush_wait(self) -> float | None:
        """Seconds until the next flush; None when there is nothing to flush."""
        if not self._stored:
            return None
        seconds = self._flush_seconds
        if self._bytes * 2 > self._limit_bytes:  # senders must not be refused for it
            seconds = min(seconds, self._retry_seconds)
        return max(self._flushed + seconds - self._clock(), 0)

    def _wait_seconds(self) -> float | None:
        """Seconds until the open segment is old enough; None when none is open."""
        if self._file is None:
            return None
        # a few rows cost little to insert: they are visible sooner
        share = 0.5 if self._rows < _FEW_ROWS else 1.0
        return max(self._opened + share * self._segment_seconds - self._clock(), 0)

    def _store(self, path: Path) -> bool:
        """Store one segment, however long it takes; False when stopped before."""
        tries = 0
        while True:
            tries += 1
            try:
                segment = read(path)
                self._sink.insert(segment.batches, token=path.stem)
            except Permanent as error:
                if tries == _TRIES:
                    self._set_aside(path, str(error))
                    return True
            except Exception as error:  # whatever it is, these rows wait for its end
                self._telemetry.count("store.retries")
                if tries % _TOLD_EVERY == 1:
                    self._tell(error)
            else:
                with self._change:
                    self._closed.remove(path)
                    if not segment.damage:
                        self._stored.append(path)
                        self._change.notify_all()
                if segment.damage:
                    self._set_aside(path, f"damage at {segment.damage}")
                return True
            with self._change:
                if self._stopping:
                    return False
                self._change.wait(self._retry_seconds)

    def _tell(self, error: Exception) -> None:
        told = isinstance(error, Retryable)  # others may quote what they failed on
        _LOG.warning(
            "journal: found: %s; expected: a database that takes rows; hint: %d "
            "segments (%d bytes) wait and are tried again; from %d bytes on senders "
            "are told to come back later",
            error if told else type(error).__name__,
            len(self._closed),
            self._bytes,
            self._limit_bytes,
        )

    def _settle(self) -> None:
        """Unlink the segments whose rows the database has on its disk."""
        with self._change:
            stored = tuple(self._stored)
        self._flushed = self._clock()
        if not stored:
            return
        try:
            self._sink.flush()
        except OSError as error:
            _LOG.error("journal: the database's disk refuses: %s", error.strerror)
            return
        for path in stored:
            self._forget(path)
            path.unlink()

    def _set_aside(self, path: Path, problem: str) -> None:
        aside = self._folder / "set-aside"
        aside.mkdir(exist_ok=True)
        self._forget(path)
        path.rename(aside / path.name)
        self._telemetry.count("journal.set_aside")
        _LOG.error(
            "journal: found: %s: %s; expected: a segment that reads and that the "
            "database takes; hint: some of its rows were acknowledged and are not "
            "visible; it is kept, redacted, in %s",
            path.name,
            problem,
            aside,
        )

    def _forget(self, path: Path) -> None:
        with self._change:
            for paths in (self._closed, self._stored):
                if path in paths:
                    paths.remove(path)
            self._bytes -= path.stat().st_size
            self._telemetry.gauge("journal.bytes", self._bytes)

    def stop(self, seconds: float) -> bool:
        """Store what is left, at most for *seconds*; what stays is replayed.

        Return True when nothing stayed. Safe twice.
        """
        with self._change:
            self._stopping = True
            self._change.notify_all()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)


def _sync_folder(folder: Path) -> None:
    """Make a new directory entry survive power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
