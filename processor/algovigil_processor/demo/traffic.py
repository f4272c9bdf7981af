"""The ward and the pathology lab: requests at a steady pace, labels some time later.

The client makes the traceparent; the lab reports by that trace id, through the SDK's
durable outcome tracker.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from algovigil.outcomes import OutcomeType, PatientOutcome

if TYPE_CHECKING:
    from algovigil.outcomes import ClinicalOutcomeTracker
    from algovigil_processor.demo.patients import Visit, Ward


@dataclass
class Traffic:
    """A stream of visits to one service."""

    ward: Ward
    url: str
    per_second: float
    tracker: ClinicalOutcomeTracker | None = None
    label_delay: float = 0.0
    shifted: bool = False
    sent: int = 0
    failed: int = 0
    """Requests whose value made the model raise, as planned."""
    unexpected: Counter[str] = field(default_factory=Counter)
    """Requests that ended otherwise than planned, by how they ended."""
    labelled: int = 0
    stopping: bool = False
    _due: deque[tuple[float, Visit]] = field(default_factory=deque)

    async def run(self, visits: int | None = None) -> None:
        """Send *visits*, or until `stopping`; labels follow after their delay."""
        # a server closes its connection after an exception, and a request that was
        # on its way on it would be lost: each request has a connection of its own
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=self.url, timeout=10, limits=limits
        ) as client:
            start, already = time.monotonic(), self.sent
            in_flight: set[asyncio.Task[None]] = set()
            while not self.stopping and self.sent - already != visits:
                visit = self.ward.visit(shifted=self.shifted)
                self.sent += 1
                task = asyncio.create_task(self._send(client, visit))
                in_flight.add(task)
                task.add_done_callback(in_flight.discard)
                self._report_due()
                if len(in_flight) >= 8:
                    await asyncio.wait(in_flight, return_when="FIRST_COMPLETED")
                due = start + (self.sent - already) / self.per_second
                await asyncio.sleep(max(due - time.monotonic(), 0))
            if in_flight:
                await asyncio.wait(in_flight)
            while self._due:
                self._report_due()
                await asyncio.sleep(0.05)

    async def _send(self, client: httpx.AsyncClient, visit: Visit) -> None:
        try:
            reply = await client.post(
                visit.path, headers=dict(visit.headers), json=dict(visit.body)
            )
            ended = str(reply.status_code)
        except httpx.HTTPError as error:
            ended = type(error).__name__
        if ended != ("500" if visit.raises else "200"):
            self.unexpected[ended] += 1
        elif visit.raises:
            self.failed += 1
        elif self.tracker is not None:
            self._due.append((time.monotonic() + self.label_delay, visit))

    def _report_due(self) -> None:
        """Report the labels whose time has come, as the lab would."""
        while self.tracker is not None and self._due:
            at, visit = self._due[0]
            if at > time.monotonic():
                return
            self._due.popleft()
            self.tracker.record_outcome(
                PatientOutcome(
                    outcome_type=OutcomeType.DIAGNOSTIC,
                    trace_id=visit.trace_id,
                    actual_value=visit.diagnosis,
                )
            )
            self.labelled += 1
