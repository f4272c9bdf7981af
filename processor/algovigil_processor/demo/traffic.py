"""The ward and the pathology lab: requests at a steady pace, labels some time later.

The client makes the traceparent; the lab reports by that trace id, through the SDK's
durable outcome tracker.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
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
    unexpected: int = 0
    """Requests that ended otherwise than planned."""
    labelled: int = 0
    _due: deque[tuple[float, Visit]] = field(default_factory=deque)

    async def run(self, visits: int | None = None) -> None:
        """Send *visits*, or until cancelled; labels follow after their delay."""
        async with httpx.AsyncClient(base_url=self.url, timeout=10) as client:
            start, already = time.monotonic(), self.sent
            in_flight: set[asyncio.Task[None]] = set()
            while visits is None or self.sent - already < visits:
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

    async def _send(self, client: httpx.AsyncClient, visit: Visit) -> None:
        try:
            reply = await client.post(
                visit.path, headers=dict(visit.headers), json=dict(visit.body)
            )
            status = reply.status_code
        except httpx.HTTPError:
            status = 0
        if status != (500 if visit.raises else 200):
            self.unexpected += 1
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
