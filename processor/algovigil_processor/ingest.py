"""Line 1 behind the receivers: what a worker does with a group of requests.

decode -> redact -> derive -> journal, then every sender is answered. A request that
fails inside a group is tried alone, so that one poison body rejects only itself.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.decode import decode
from algovigil_processor.derive import derive
from algovigil_processor.errors import Permanent, Retryable
from algovigil_processor.receive.intake import Accepted
from algovigil_processor.schema import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from algovigil_processor.bins import Held
    from algovigil_processor.decode import Window
    from algovigil_processor.journal import Journal
    from algovigil_processor.pipeline import Stage
    from algovigil_processor.receive.intake import Intake, Request
    from algovigil_processor.telemetry import Telemetry

_LOG: Final = logging.getLogger(__name__)


class Line:
    """One worker's way with a group; shared by all workers, without state."""

    def __init__(
        self,
        redact: Stage,
        journal: Journal,
        intake: Intake,
        telemetry: Telemetry,
        pins: Held,
        bucket_seconds: int,
        window: Window,
    ) -> None:
        self._redact = redact
        self._pins = pins
        self._bucket_seconds = bucket_seconds
        self._journal = journal
        self._intake = intake
        self._telemetry = telemetry
        self._window = window

    def process(self, group: Sequence[Request]) -> None:
        """Make *group* durable and answer each of its requests; never raises."""
        try:
            fates = self._keep(group)
        except Exception as error:
            self._apart(group, error)
            return
        for request, fate in zip(group, fates, strict=True):
            self._intake.accept(request, fate)

    def _apart(self, group: Sequence[Request], error: Exception) -> None:
        """Try each request of a failed group alone; one alone is answered."""
        if isinstance(error, Retryable):
            for request in group:
                self._intake.fail(request, error)
        elif len(group) > 1:
            for request in group:
                self.process([request])
        else:
            if isinstance(error, MemoryError):
                error = Retryable("no memory left for this request", 3)
            elif not isinstance(error, Permanent):
                _LOG.error("ingest: %s on one request", type(error).__name__)
                error = Permanent("the request could not be processed")
            if isinstance(error, Permanent):
                self._telemetry.count("decode.rejected", signal=group[0].signal)
            self._intake.fail(group[0], error)

    def _keep(self, group: Sequence[Request]) -> list[Accepted]:
        fates: dict[str, Accepted] = {}
        batches: list[Batch] = []
        for signal in dict.fromkeys(request.signal for request in group):
            requests = [request for request in group if request.signal == signal]
            origin = Origin(requests[0].transport, requests[0].received_ns)
            bodies = [request.body for request in requests]
            with self._clocked("decode"):
                decoded = decode(signal, bodies, origin, self._window)
            batches += decoded.batches
            for request, rejected, reason in zip(
                requests, decoded.rejected, decoded.reasons, strict=True
            ):
                fates[request.digest] = Accepted(rejected, reason)
                if rejected:
                    self._telemetry.count("decode.rejected", rejected, signal=signal)
        kept = [fates[request.digest] for request in group]
        batches.append(_requests(group, kept))
        with self._clocked("redact"):
            sealed = [self._redact(batch) for batch in batches]
        # held until the rows are written: see `Pinning`
        with self._clocked("keep"), self._pins.use() as active:
            self._journal.append(
                derive(sealed, self._telemetry, active, self._bucket_seconds)
            )
        return kept

    @contextmanager
    def _clocked(self, stage: str) -> Iterator[None]:
        """Count the CPU of this thread while *stage* works, also when it fails."""
        before = time.thread_time()
        try:
            yield
        finally:
            spent = time.thread_time() - before
            self._telemetry.count("line.cpu_seconds", spent, stage=stage)


def _requests(group: Sequence[Request], fates: Sequence[Accepted]) -> Batch:
    """Return the digests of *group*: stored with its rows, they recognise retries."""
    rows = pa.RecordBatch.from_arrays(
        [
            pa.array([request.digest for request in group], pa.string()),
            pa.array([request.received_ns for request in group]).cast(
                pa.timestamp("ns", "UTC")
            ),
            pa.array([fate.rejected for fate in fates], pa.uint32()),
        ],
        schema=SCHEMAS["ingest_requests"],
    )
    origin = Origin(group[0].transport, group[0].received_ns)
    return Batch("ingest_requests", rows, origin)
