"""Send what the outbox owes: at least once, in order, across kills.

A delivery leaves the outbox only when its receiver took it, refused it for good, or a
day has passed. Between a receiver's yes and our commit lies the one window in which a
kill causes a duplicate; it carries the same id and the same bytes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from algovigil_processor.alert.deliver import Result
from algovigil_processor.alert.record import delivery_id
from algovigil_processor.alert.tables import ATTEMPTS, OUTBOX

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from algovigil_processor.alert.deliver import Courier
    from algovigil_processor.state import State
    from algovigil_processor.telemetry import Telemetry

log: Final = logging.getLogger(__name__)

FIRST_DELAY: Final = 1.0  # seconds; doubles up to the longest
LONGEST_DELAY: Final = 300.0
LONGEST_WISH: Final = 900.0  # a Retry-After beyond 15 min would be silence
GIVE_UP_NS: Final = 24 * 3600 * 10**9
_AT_ONCE: Final = 4  # attempts in flight per channel
_PER_CALL: Final = 256


def delay_seconds(attempt: int, wish: float | None, rng: random.Random) -> float:
    """Return the pause after *attempt* (1, 2, ...): full jitter, or the *wish*.

    Source: M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.
    """
    if wish is not None:
        return min(max(wish, 0.0), LONGEST_WISH)
    bound = min(FIRST_DELAY * 2.0 ** min(attempt - 1, 32), LONGEST_DELAY)
    return rng.uniform(0.0, bound)


@dataclass(frozen=True, slots=True)
class Owed:
    """One event that one target has not heard of yet."""

    delivery_id: str
    incident_id: str
    channel: str
    target: str
    event: str
    body: str
    attempts: int
    created_ns: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one delivery, as it happened."""

    at_ns: int
    owed: Owed
    number: int
    latency_ms: float
    result: Result


class Outbox:
    """The deliveries that are owed, and the couriers that carry them."""

    def __init__(
        self,
        state: State,
        couriers: Mapping[str, Courier],
        telemetry: Telemetry,
        rng: random.Random,
    ) -> None:
        self._state: Final = state
        self._couriers: Final = couriers
        self._telemetry: Final = telemetry
        self._rng: Final = rng

    def deliver(self, now_ns: int) -> int:
        """Try every delivery that is due, once; return how many were taken."""
        with self._state.read() as db:
            due = _due(db, now_ns)
        return asyncio.run(self._deliver(due, now_ns)) if due else 0

    def test(self, channel: str, body: str, now_ns: int) -> list[Attempt]:
        """Send *body* by *channel* now, past the outbox, and return what happened."""
        owed = [
            Owed(
                delivery_id("", f"test {now_ns}", channel, target),
                *("", channel, target, "test", body, 0, now_ns),
            )
            for target in self._couriers[channel].targets
        ]
        attempts = asyncio.run(self._all(owed, now_ns))
        with self._state.write() as db:
            for attempt in attempts:
                _record(db, attempt)
        return attempts

    async def _all(self, owed: Sequence[Owed], now_ns: int) -> list[Attempt]:
        return await asyncio.gather(*(self._try(one, now_ns) for one in owed))

    async def _deliver(self, due: Sequence[Owed], now_ns: int) -> int:
        by_channel: dict[str, list[Owed]] = defaultdict(list)
        for owed in due:
            by_channel[owed.channel].append(owed)
        sent = await asyncio.gather(
            *(self._channel(owed, now_ns) for owed in by_channel.values())
        )
        return sum(sent)

    async def _channel(self, due: Sequence[Owed], now_ns: int) -> int:
        """Try the deliveries of one channel, and stop at the first sign it is down."""
        slots = asyncio.Semaphore(_AT_ONCE)
        down = False
        sent = 0

        async def one(owed: Owed) -> None:
            nonlocal down, sent
            async with slots:
                if down:
                    return
                attempt = await self._try(owed, now_ns)
                self._settle(attempt)
                result = attempt.result
                # an SMTP 4yz is about one recipient and says nothing of the next
                down = down or (result.may_retry and result.outcome != "deferred")
                sent += result.outcome == "sent"

        await asyncio.gather(*(one(owed) for owed in due))
        return sent

    async def _try(self, owed: Owed, now_ns: int) -> Attempt:
        courier = self._couriers.get(owed.channel)
        begun = time.perf_counter()
        result = Result("channel_removed")
        if courier is not None:
            try:
                result = await courier.send(
                    owed.delivery_id, owed.body, owed.target, now_ns
                )
            except Exception as error:
                # a courier that breaks must not end the tries of the others
                log.error("%s: %s in a delivery", owed.channel, type(error).__name__)
                result = Result("failed", may_retry=True)
        latency_ms = (time.perf_counter() - begun) * 1000
        kind = courier.kind if courier else "none"
        self._telemetry.count("alert.deliveries", type=kind, outcome=result.outcome)
        return Attempt(now_ns, owed, owed.attempts + 1, latency_ms, result)

    def _settle(self, attempt: Attempt) -> None:
        owed, result = attempt.owed, attempt.result
        state = "waiting"
        if result.outcome == "sent":
            state = "sent"
        elif not result.may_retry or attempt.at_ns - owed.created_ns >= GIVE_UP_NS:
            state = "dead"
            log.error(
                "delivery %s by %s is dead: %s, code %d",
                *(owed.delivery_id, owed.channel, result.outcome, result.code),
            )
        pause = delay_seconds(attempt.number, result.retry_after, self._rng)
        wait_ns = int(attempt.latency_ms * 1e6 + pause * 1e9)
        with self._state.write() as db:
            db.execute(
                sa.update(OUTBOX)
                .where(OUTBOX.c.delivery_id == owed.delivery_id)
                .values(
                    state=state,
                    attempts=attempt.number,
                    next_attempt_ns=attempt.at_ns + wait_ns,
                )
            )
            _record(db, attempt)


def _due(db: sa.Connection, now_ns: int) -> list[Owed]:
    """Return what is due: of each incident and target only its oldest message.

    So nobody hears that an alert ended before hearing that it began.
    """
    waiting = OUTBOX.c.state == "waiting"
    lane = (OUTBOX.c.incident_id, OUTBOX.c.channel, OUTBOX.c.target)
    heads = sa.select(sa.func.min(OUTBOX.c.seq)).where(waiting).group_by(*lane)
    columns = [OUTBOX.c[field.name] for field in dataclasses.fields(Owed)]
    query = (
        sa.select(*columns)
        .where(OUTBOX.c.seq.in_(heads), OUTBOX.c.next_attempt_ns <= now_ns)
        .order_by(OUTBOX.c.seq)
        .limit(_PER_CALL)
    )
    return [Owed(**row) for row in db.execute(query).mappings()]


def _record(db: sa.Connection, attempt: Attempt) -> None:
    owed, result = attempt.owed, attempt.result
    db.execute(
        sa.insert(ATTEMPTS).values(
            at_ns=attempt.at_ns,
            delivery_id=owed.delivery_id,
            incident_id=owed.incident_id,
            channel=owed.channel,
            event=owed.event,
            attempt=attempt.number,
            latency_ms=attempt.latency_ms,
            outcome=result.outcome,
            code=result.code,
            mirrored=False,
        )
    )
