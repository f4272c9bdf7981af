"""The file format of a journal segment: frames, each one fsynced group of batches.

    frame = "AVJ1" | u32 header bytes | u64 body bytes | u32 crc32(header + body)
            | header (JSON: table, policy, transport, received_ns, bytes per batch)
            | body (one Arrow IPC stream per batch)

Header and streams are padded to 64 bytes, so that what is mapped back is aligned as
Arrow wants its buffers.

A frame cut short at the end of the file was never acknowledged and is left out; any
other frame that does not read is damage, which costs no other frame.
"""

from __future__ import annotations

import json
import logging
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import pyarrow as pa

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from algovigil_processor.schema import Table

_LOG: Final = logging.getLogger(__name__)
_MAGIC: Final = b"AVJ1"
_ALIGNED: Final = 64  # bytes
_PREFIX: Final = struct.Struct("<4sIQI")


def frame(batches: Sequence[Batch]) -> list[bytes | pa.Buffer]:
    """Return one group as the buffers of a frame.

    Raises:
        Permanent: a batch is unsealed; unredacted rows never reach a disk.
    """
    bodies: list[pa.Buffer] = []
    heads: list[dict[str, str | int]] = []
    for batch in batches:
        if batch.policy is None:
            raise Permanent(f"{batch.table}: unsealed rows are never journaled")
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.rows.schema) as writer:
            writer.write_batch(batch.rows)
        sink.write(b"\0" * (-sink.tell() % _ALIGNED))
        bodies.append(sink.getvalue())
        heads.append(
            {
                "table": batch.table,
                "policy": batch.policy,
                "transport": batch.origin.transport,
                "received_ns": batch.origin.received_ns,
                "tenant": batch.origin.tenant,
                "bytes": bodies[-1].size,
            }
        )
    header = json.dumps(heads).encode()
    header += b" " * (-(_PREFIX.size + len(header)) % _ALIGNED)
    crc = zlib.crc32(header)
    for body in bodies:
        crc = zlib.crc32(body, crc)
    size = sum(body.size for body in bodies)
    return [_PREFIX.pack(_MAGIC, len(header), size, crc), header, *bodies]


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment file holds."""

    batches: tuple[Batch, ...]
    """Those of every whole frame, in order; zero-copy on the file's bytes."""
    damage: str = ""
    """Where bytes are not as they were written; '' when none are."""


def read(path: Path) -> Segment:
    """Return what the segment at *path* holds; damage costs only the frames it hit."""
    if not path.stat().st_size:
        return Segment(())
    with pa.memory_map(str(path)) as file:
        data = file.read_buffer()
    view = memoryview(data)
    batches: list[Batch] = []
    damage: list[str] = []
    at = 0
    while at < len(view):
        end = _frame_end(view, at)
        if end > len(view):
            _LOG.warning(
                "journal: %s: the last %d bytes are of a frame never acknowledged",
                path.name,
                len(view) - at,
            )
        elif end:
            batches += _batches(data, view, at)
        else:
            damage.append(f"byte {at}")
            end = _next(view, at)
        at = end
    return Segment(tuple(batches), ", ".join(damage))


def _frame_end(view: memoryview, at: int) -> int:
    """Return where the frame at *at* ends; 0 when it is not as it was written.

    A frame that a kill cut short is as it was written, and ends after the file.
    """
    if at + _PREFIX.size > len(view):
        return len(view) + 1 if _MAGIC.startswith(bytes(view[at : at + 4])) else 0
    magic, header_size, body_size, crc = _PREFIX.unpack_from(view, at)
    start = at + _PREFIX.size
    end = start + header_size + body_size
    if magic != _MAGIC or (end > len(view) and _next(view, at) < len(view)):
        return 0
    if end > len(view):
        return int(end)
    return int(end) if zlib.crc32(view[start:end]) == crc else 0


def _next(view: memoryview, at: int) -> int:
    """Return where the next frame begins, or the end of the file."""
    for begin in range(at + _ALIGNED, len(view), _ALIGNED):
        if bytes(view[begin : begin + len(_MAGIC)]) == _MAGIC:
            return begin
    return len(view)


def _batches(data: pa.Buffer, view: memoryview, at: int) -> list[Batch]:
    _, header_size, _, _ = _PREFIX.unpack_from(view, at)
    at += _PREFIX.size
    heads = json.loads(bytes(view[at : at + header_size]))
    at += header_size
    batches = []
    for head in heads:
        with pa.ipc.open_stream(data.slice(at, head["bytes"])) as reader:
            rows = reader.read_next_batch()
        origin = Origin(head["transport"], head["received_ns"], head["tenant"])
        table = cast("Table", head["table"])
        batches.append(Batch(table, rows, origin, head["policy"]))
        at += head["bytes"]
    return batches
