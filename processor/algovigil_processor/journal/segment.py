"""The file format of a journal segment: frames, each one fsynced group of batches.

    frame = "AVJ1" | u32 header bytes | u64 body bytes | u32 crc32(header + body)
            | header (JSON: table, policy, transport, received_ns, bytes per batch)
            | body (one Arrow IPC stream per batch)

Header and streams are padded to 64 bytes, so that what is mapped back is aligned as
Arrow wants its buffers.

A frame cut short at the end of the file was never acknowledged and is left out; any
other frame that does not read is damage.
"""

from __future__ import annotations

import json
import logging
import struct
import zlib
from typing import TYPE_CHECKING, Final, cast

import pyarrow as pa

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.errors import Permanent, ProcessorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from algovigil_processor.schema import Table

_LOG: Final = logging.getLogger(__name__)
_MAGIC: Final = b"AVJ1"
_ALIGNED: Final = 64  # bytes
_PREFIX: Final = struct.Struct("<4sIQI")


class Damaged(ProcessorError):
    """A segment holds bytes that no crash of ours can have left."""


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


def read(path: Path) -> list[Batch]:
    """Return every batch of the segment at *path*, in order; zero-copy on its bytes.

    Raises:
        Damaged: a frame before the end is not as it was written.
    """
    if not path.stat().st_size:
        return []
    with pa.memory_map(str(path)) as file:
        data = file.read_buffer()
    view = memoryview(data)
    batches: list[Batch] = []
    at = 0
    while at + _PREFIX.size <= len(view):
        magic, header_size, body_size, crc = _PREFIX.unpack_from(view, at)
        start = at + _PREFIX.size
        end = start + header_size + body_size
        if magic != _MAGIC:
            raise Damaged(f"{path.name}: no frame at byte {at}")
        if end > len(view):
            break
        if zlib.crc32(view[start:end]) != crc:
            if end == len(view):
                break
            raise Damaged(f"{path.name}: checksum of the frame at byte {at}")
        batches += _batches(
            data, view[start : start + header_size], start + header_size
        )
        at = end
    if at < len(view):
        _LOG.warning(
            "journal: %s: the last %d bytes are a frame that was never acknowledged",
            path.name,
            len(view) - at,
        )
    return batches


def _batches(data: pa.Buffer, header: memoryview, at: int) -> list[Batch]:
    batches = []
    for head in json.loads(bytes(header)):
        with pa.ipc.open_stream(data.slice(at, head["bytes"])) as reader:
            rows = reader.read_next_batch()
        origin = Origin(head["transport"], head["received_ns"], head["tenant"])
        table = cast("Table", head["table"])
        batches.append(Batch(table, rows, origin, head["policy"]))
        at += head["bytes"]
    return batches
