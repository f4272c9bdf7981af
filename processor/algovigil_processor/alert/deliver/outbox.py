"""Send what the outbox owes: at least once, in order, across kills.

A delivery leaves the outbox only when its receiver took it, refused it for good, or a
day has passed. Between a receiver's yes and our commit lies the one window in which a
kill causes a duplicate; it carries the same id and the same bytes. Channels are sent to
on threads of their own, so that one that hangs delays no other.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
import threading
import time
from typing import TYPE_CHECKING, Final

from algovigil_processor.alert.deliver import Result
from algovigil_processor.alert.deliver import owed as rows
from algovigil_processor.alert.deliver.owed import (
    GIVE_UP_NS,
    LONGEST_WISH,
    Attempt,
    Owed,
    delivery_id,
)
from algovigil_processor.alert.deliver.pace import Pace

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from algovigil_processor.alert.deliver import Courier
    from algovigil_processor.alert.message import Message
    from algovigil_processor.state import State
    from algovigil_processor.telemetry import Telemetry

log: Final = logging.getLogger(__name__)

FIRST_DELAY: Final = 1.0  # seconds; doubles up to the longest
LONGEST_DELAY: Final = 300.0
_AT_ONCE: Final = 4  # attempts in flight per channel
_PER_CALL: Final = 256
_ROUNDS: Final = 16  # messages of one group in one call
_GRACE: Final = 5.0  # seconds over the timeout in which an attempt is surely over


def delay_seconds(attempt: int, wish: float | None, rng: random.Random) -> float:
    """Return the pause after *attempt* (1, 2, ...): full jitter, or the *wish*.

    Source: M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.
    """
    if wish is not None:
        return min(max(wish, 0.0), LONGEST_WISH)
    bound = min(FIRST_DELAY * 2.0 ** min(attempt - 1, 32), LONGEST_DELAY)
    return rng.uniform(0.0, bound)


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
        self._me: Final = secrets.token_hex(8)
        self._locks: Final = {name: threading.Lock() for name in couriers}
        self._paces: Final = {
            name: Pace(courier.terms) for name, courier in couriers.items()
        }

    def deliver(self, now_ns: int, channel: str = "") -> int:
        """Try once what is due on *channel*, '' for all; return how many were taken."""
        names = [channel] if channel else list(self._couriers)
        self._look_after(now_ns)
        mine = [name for name in names if self._locks[name].acquire(blocking=False)]
        try:
            return asyncio.run(self._lanes(mine, now_ns)) if mine else 0
        finally:
            for name in mine:
                self._locks[name].release()

    def test(self, channel: str, message: Message, now_ns: int) -> list[Attempt]:
        """Send *message* by *channel* now, past the outbox; return what happened."""
        body, grave = message.body(), message.severity
        owed = [
            Owed(
                delivery_id("", f"test {now_ns}", channel, target),
                *("", "", channel, target, "test", grave, body, 0, now_ns),
            )
            for target in self._couriers[channel].targets
        ]
        attempts = asyncio.run(self._all(owed, now_ns))
        with self._state.write() as db:
            for attempt in attempts:
                rows.record(db, attempt)
        return attempts

    async def _all(self, owed: Sequence[Owed], now_ns: int) -> list[Attempt]:
        return await asyncio.gather(*(self._try(one, now_ns) for one in owed))

    async def _lanes(self, names: Sequence[str], now_ns: int) -> int:
        return sum(await asyncio.gather(*(self._lane(n, now_ns) for n in names)))

    async def _lane(self, name: str, now_ns: int) -> int:
        """Work off one channel, a message of each group at a time."""
        sent = 0
        for _ in range(_ROUNDS):
            taken = self._claim(name, now_ns)
            round_sent, down = await self._round(name, taken, now_ns)
            sent += round_sent
            if down or not round_sent:
                break
        return sent

    async def _round(
        self, name: str, taken: Sequence[Owed], now_ns: int
    ) -> tuple[int, bool]:
        """Try *taken*, and stop at the first sign that the channel is down."""
        pace = self._paces[name]
        slots = asyncio.Semaphore(1 if pace.tripped else _AT_ONCE)
        left = {one.delivery_id: one for one in taken}
        down = False
        sent = 0

        async def one(owed: Owed) -> None:
            nonlocal down, sent
            async with slots:
                if down:
                    return
                attempt = await self._try(owed, now_ns)
                self._settle(attempt)
                del left[owed.delivery_id]
                result = attempt.result
                ended_ns = now_ns + int(attempt.latency_ms * 1e6)
                pace.used(result, ended_ns)
                # an SMTP 4yz is about one recipient and says nothing of the next
                down = down or (result.may_retry and result.outcome != "deferred")
                sent += result.outcome == "sent"

        try:
            await asyncio.gather(*(one(owed) for owed in taken))
        finally:
            if left:
                with self._state.write() as db:
                    rows.release(db, list(left.values()), self._me)
        return sent, down

    def _claim(self, name: str, now_ns: int) -> list[Owed]:
        most = min(self._paces[name].allowance(now_ns), _PER_CALL)
        if not most:
            return []
        with self._state.read() as db:
            found = rows.due(db, name, now_ns, self._me, most, alone=self._state.alone)
        if not found:
            return []
        timeout = self._couriers[name].terms.timeout
        # attempts of one call wait for each other, `_AT_ONCE` at a time
        rounds = -(-len(found) // _AT_ONCE)
        until_ns = now_ns + int((timeout * rounds + _GRACE) * 1e9)
        with self._state.write() as db:
            taken = rows.claim(db, found, self._me, until_ns, now_ns)
        interrupted = sum(bool(one.claim) for one in taken)
        if interrupted:
            kind = self._couriers[name].kind
            self._telemetry.count(
                "alert.deliveries", interrupted, type=kind, outcome="interrupted"
            )
        return taken

    async def _try(self, owed: Owed, now_ns: int) -> Attempt:
        courier = self._couriers[owed.channel]
        begun = time.perf_counter()
        try:
            result = await courier.send(
                owed.delivery_id, owed.body, owed.target, now_ns
            )
        except Exception as error:
            # a courier that breaks must not end the tries of the others
            log.error("%s: %s in a delivery", owed.channel, type(error).__name__)
            result = Result("failed", may_retry=True)
        latency_ms = (time.perf_counter() - begun) * 1000
        self._telemetry.count(
            "alert.deliveries", type=courier.kind, outcome=result.outcome
        )
        return Attempt(now_ns, owed, owed.attempts + 1, latency_ms, result)

    def _settle(self, attempt: Attempt) -> None:
        result = attempt.result
        if result.outcome == "sent":
            with self._state.write() as db:
                rows.settle(db, attempt, "sent")
        elif result.may_retry:
            pause = delay_seconds(attempt.number, result.retry_after, self._rng)
            wait_ns = int(attempt.latency_ms * 1e6 + pause * 1e9)
            again = dataclasses.replace(attempt, retry_ns=attempt.at_ns + wait_ns)
            with self._state.write() as db:
                rows.settle(db, again, "waiting")
        else:
            self._bury(attempt)

    def _bury(self, attempt: Attempt) -> None:
        """Keep as a dead letter what nobody will take, and tell the failover."""
        owed, result = attempt.owed, attempt.result
        with self._state.write() as db:
            if not rows.settle(db, attempt, "dead"):
                return  # another sender was first
            told = rows.fail_over(db, owed, self._couriers, attempt.at_ns)
        log.error(
            "delivery %s by %s is dead: %s, code %d",
            *(owed.delivery_id, owed.channel, result.outcome, result.code),
        )
        self._telemetry.count("alert.dead_letters")
        self._telemetry.count("alert.failovers", told)

    def _look_after(self, now_ns: int) -> None:
        """See to what waits too long: first the failover is told, then it is dead."""
        with self._state.read() as db:
            late = rows.late(db, now_ns, list(self._couriers))
        for one in late:
            gone = one.channel not in self._couriers
            if gone or one.created_ns <= now_ns - GIVE_UP_NS:
                result = Result("channel_removed" if gone else "expired")
                self._bury(Attempt(now_ns, one, one.attempts + 1, 0.0, result))
                continue
            with self._state.write() as db:
                told = rows.fail_over(db, one, self._couriers, now_ns)
            self._telemetry.count("alert.failovers", told)
