"""OTLP bytes to batches: the only place that knows the wire.

Invariant: every record of a body is in the batches or counted as rejected, or the
whole body raises `Permanent`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.decode import wire
from algovigil_processor.decode.json import from_json
from algovigil_processor.decode.logs import decode_logs
from algovigil_processor.decode.metrics import decode_metrics
from algovigil_processor.decode.timely import Timely, Window
from algovigil_processor.decode.traces import decode_traces
from algovigil_processor.pipeline import Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from algovigil_processor.decode.envelope import Refusals
    from algovigil_processor.schema import Table

__all__ = ["Decoded", "Signal", "Window", "decode", "from_json"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """The rows of a group of bodies, and what of each body was refused."""

    batches: tuple[Batch, ...]
    """Unsealed, one a table, only those with rows."""
    rejected: tuple[int, ...]
    """Per body: records refused inside it."""
    reasons: tuple[str, ...]
    """Per body: '' or why, in English, without values."""


def decode(
    signal: Signal,
    bodies: Sequence[bytes],
    origin: Origin,
    window: Window | None = None,
) -> Decoded:
    """Return the rows of *bodies*, decompressed `Export*ServiceRequest` messages.

    Records dated outside *window* are refused, alone and counted; None takes all.

    Raises:
        Permanent: a body is malformed; the caller tries each alone.

    """
    request = wire.parse(signal, bodies)
    timely = Timely.of(window, origin.received_ns)
    tables: dict[Table, pa.RecordBatch]
    refusals: list[Refusals]
    if signal == "traces":
        tables, refused = decode_traces(request, timely)
        refusals = [refused]
    elif signal == "logs":
        tables, refused = decode_logs(request, timely, origin.received_ns)
        refusals = [refused]
    else:
        tables, refusals = decode_metrics(request, timely)
    batches = tuple(
        Batch(table, rows, origin) for table, rows in tables.items() if rows.num_rows
    )
    tallies = [r.tallies() for r in refusals]
    none = ((0,) * len(bodies), ("",) * len(bodies))
    counts, reasons = zip(*(tallies or [none]), strict=True)
    return Decoded(
        batches,
        tuple(sum(body) for body in zip(*counts, strict=True)),
        tuple("; ".join(filter(None, body)) for body in zip(*reasons, strict=True)),
    )
