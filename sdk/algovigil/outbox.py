"""Records on disk until somebody has acknowledged them.

Invariant: a record whose `append` returned is on stable storage and stays there, in
order, until it is acknowledged or set aside; a kill at any moment loses no such
record and leaves none that cannot be read.

One process owns a slot (a numbered directory with a locked file). A slot whose process
died is free: whoever comes next takes it with what it holds.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import threading
import zlib
from typing import TYPE_CHECKING, Final

from algovigil.errors import OutboxFull, explain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_log: Final = logging.getLogger("algovigil")
_HEAD: Final = struct.Struct("<II")  # bytes of the record, their CRC-32
_SEGMENT_BYTES: Final = 1024 * 1024
_MOST_SLOTS: Final = 256


class Outbox:
    """One slot, owned by this process.

    Args:
        slot: Directory of the slot; its lock is taken.
        most_bytes: Bytes of waiting records above which `append` refuses.

    Raises:
        BlockingIOError: another process owns the slot.
    """

    def __init__(self, slot: Path, most_bytes: int) -> None:
        if not slot.is_dir():
            slot.mkdir(parents=True, exist_ok=True, mode=0o700)
            for created in (slot, *list(slot.parents)[:-1]):
                _sync(created.parent)
        self.slot: Final = slot
        self._most: Final = most_bytes
        self._lock: Final = threading.Lock()
        self._owned: Final = os.open(slot / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._owned)
            raise
        self._file = -1
        self._closed = False
        self._read_from = 0
        self._sizes: dict[int, int] = {}
        self._recover()

    @classmethod
    def take(cls, directory: Path, most_bytes: int) -> Outbox:
        """Take the first free slot of *directory*.

        Raises:
            OutboxFull: all slots are owned, or the directory cannot be written.
        """
        for number in range(_MOST_SLOTS):
            try:
                return cls(directory / str(number), most_bytes)
            except BlockingIOError:
                continue
            except OSError as error:
                raise _unwritable(error) from None
        raise OutboxFull(
            explain(
                f"{_MOST_SLOTS} processes with an outbox in one directory",
                "a free slot",
                "give each service its own `outcomes.directory`",
            )
        )

    def abandoned(self) -> Iterator[Outbox]:
        """Yield, open, each other slot that nobody owns and that holds records."""
        for slot in sorted(self.slot.parent.iterdir()):
            if slot == self.slot or not any(slot.glob("*.seg")):
                continue
            try:
                found = Outbox(slot, self._most)
            except OSError:
                continue
            try:
                yield found
            finally:
                found.close()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of records that nobody has acknowledged."""
        with self._lock:
            return sum(self._sizes.values()) - self._read_from

    def append(self, record: bytes) -> None:
        """Write *record* to stable storage.

        Raises:
            OutboxFull: the bound is reached or the disk refuses; nothing was kept.
        """
        frame = _HEAD.pack(len(record), zlib.crc32(record)) + record
        with self._lock:
            waiting = sum(self._sizes.values()) - self._read_from
            if self._closed or waiting + len(frame) > self._most:
                raise OutboxFull(
                    explain(
                        f"{waiting} bytes of outcomes wait for the processor",
                        f"at most {self._most}",
                        "is the processor up? `outcomes.max_bytes` sets the bound",
                    )
                )
            try:
                self._write(frame)
            except OSError as error:
                raise _unwritable(error) from None

    def _write(self, frame: bytes) -> None:
        segment = max(self._sizes, default=0)
        if self._file < 0 or self._sizes[segment] >= _SEGMENT_BYTES:
            self._begin(segment + 1)
            segment += 1
        before = self._sizes[segment]
        try:
            view = memoryview(frame)
            while view:
                view = view[os.write(self._file, view) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, before)
            raise
        self._sizes[segment] = before + len(frame)

    def _begin(self, segment: int) -> None:
        if self._file >= 0:
            os.close(self._file)
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        self._file = os.open(self._path(segment), flags, 0o600)
        self._sizes[segment] = 0
        _sync(self.slot)

    def _path(self, segment: int) -> Path:
        return self.slot / f"{segment:016d}.seg"

    def peek(self, most: int) -> list[bytes]:
        """Return the oldest waiting records, *most* of them, of one segment."""
        with self._lock:
            if not self._sizes:
                return []
            oldest = min(self._sizes)
            size = self._sizes[oldest] - self._read_from
            with self._path(oldest).open("rb") as file:
                file.seek(self._read_from)
                data = file.read(min(size, most * _SEGMENT_BYTES))
        return [record for record, _ in zip(_records(data), range(most), strict=False)]

    def ack(self, records: list[bytes]) -> None:
        """Remove *records*, the oldest ones, as `peek` returned them."""
        with self._lock:
            oldest = min(self._sizes)
            self._read_from += sum(_HEAD.size + len(record) for record in records)
            if self._read_from < self._sizes[oldest]:
                self._keep_cursor(oldest)
                return
            if oldest == max(self._sizes) and self._file >= 0:
                os.close(self._file)
                self._file = -1
            self._path(oldest).unlink()
            del self._sizes[oldest]
            self._read_from = 0

    def set_aside(self, record: bytes) -> None:
        """Keep *record*, which was refused for good, out of the way, and remove it."""
        with (self.slot / "refused").open("ab") as file:
            file.write(_HEAD.pack(len(record), zlib.crc32(record)) + record)
            file.flush()
            os.fsync(file.fileno())
        _sync(self.slot)
        self.ack([record])

    def close(self) -> None:
        """Give the slot up; what waits stays."""
        with self._lock:
            if not self._closed:
                self._closed = True
                if self._file >= 0:
                    os.close(self._file)
                os.close(self._owned)

    def leave_to_parent(self) -> None:
        """Close what a forked child inherited: held open, it would keep the lock."""
        self._closed = True
        if self._file >= 0:
            os.close(self._file)
        os.close(self._owned)

    def _keep_cursor(self, segment: int) -> None:
        # losing it in a power cut sends some records again, which is allowed
        temporary = self.slot / "cursor.new"
        temporary.write_text(f"{segment} {self._read_from}", encoding="ascii")
        temporary.replace(self.slot / "cursor")

    def _recover(self) -> None:
        for path in sorted(self.slot.glob("*.seg")):
            data = path.read_bytes()
            good = sum(_HEAD.size + len(record) for record in _records(data))
            if good < len(data):
                # the tail of a write that never returned, or a damaged disk
                _log.warning(
                    "algovigil: outbox: cut %d unreadable bytes", len(data) - good
                )
                os.truncate(path, good)
            if good:
                self._sizes[int(path.stem)] = good
            else:
                path.unlink()
        try:
            text = (self.slot / "cursor").read_text(encoding="ascii")
            segment, offset = map(int, text.split())
        except (OSError, ValueError):
            return
        if (
            self._sizes
            and segment == min(self._sizes)
            and offset < self._sizes[segment]
        ):
            self._read_from = offset


def waiting(directory: Path) -> int:
    """Return about how many bytes of records wait in all slots of *directory*.

    Raises:
        OutboxFull: it is there and cannot be read.
    """
    try:
        return sum(path.stat().st_size for path in directory.glob("*/*.seg"))
    except OSError as error:
        raise _unwritable(error) from None


def _records(data: bytes) -> Iterator[bytes]:
    """Yield the whole records at the head of *data*."""
    at = 0
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        record = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(record) < length or zlib.crc32(record) != checksum:
            return
        yield record
        at += _HEAD.size + length


def _sync(directory: Path) -> None:
    """Put the names in *directory* on stable storage, where it may be read."""
    try:
        opened = os.open(directory, os.O_RDONLY)
    except PermissionError:
        return  # not ours, so it was there before
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _unwritable(error: OSError) -> OutboxFull:
    return OutboxFull(
        explain(
            f"the outbox cannot be written: {os.strerror(error.errno or 0)}",
            "a writable directory with free space",
            "`outcomes.directory` names it",
        )
    )
