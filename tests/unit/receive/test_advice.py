"""Whoever comes back too early waits for its refusal; whoever waits notices nothing."""

from __future__ import annotations

import asyncio

from algovigil_processor.receive.advice import Advice
from algovigil_processor.receive.handler import Handler, Meta
from algovigil_processor.receive.intake import Intake
from algovigil_processor.telemetry import Telemetry

MIB = 1024**2


def test_a_peer_that_waits_as_told_is_refused_at_once() -> None:
    """Each time, as often as it comes; nothing of it is remembered."""
    now = [0.0]
    advice = Advice(lambda: now[0])
    assert 0 == advice.early("a", 1.0, 100)
    now[0] = 1.0
    assert 0 == advice.early("a", 1.0, 100)
    now[0] = 2.5
    assert 0 == advice.early("a", 1.0, 100)


def test_an_early_one_waits_until_then_and_no_other_does() -> None:
    """For the rest of its time, at most a second of it."""
    now = [10.0]
    advice = Advice(lambda: now[0])
    assert 0 == advice.early("a", 1.0, 100)
    assert 0 == advice.early("b", 3.0, 100)
    now[0] = 10.25
    assert 0.75 == advice.early("a", 1.0, 100)
    assert 1.0 == advice.early("b", 3.0, 100)
    assert 0 == advice.early("c", 1.0, 100)


def test_what_waits_is_bounded_in_bytes() -> None:
    """The transport keeps the bodies: what would be too much is refused at once."""
    advice = Advice(lambda: 0.0)
    advice.early("a", 1.0, MIB)
    assert 1.0 == advice.early("a", 1.0, 15 * MIB)
    assert 0 == advice.early("a", 1.0, 2 * MIB)
    advice.release(15 * MIB)
    assert 1.0 == advice.early("a", 1.0, 2 * MIB)


def test_a_full_intake_refuses_before_it_reads_and_holds_the_second_refusal() -> None:
    """The first answer is immediate, the next of that peer comes when it was told."""
    telemetry = Telemetry()
    intake = Intake(telemetry, limit_bytes=1, horizon_seconds=1)
    handler = Handler(intake, telemetry, max_body_bytes=100)
    meta = Meta("traces", "grpc", "greedy", 0)

    async def ask() -> tuple[str, str]:
        first = await handler.handle(b"a", meta)
        second = asyncio.ensure_future(handler.handle(b"b", meta))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        state = "held" if not second.done() else "answered"
        second.cancel()
        return first.outcome, state

    assert ("unavailable", "held") == asyncio.run(ask())
    assert 0 == handler._advice._held_bytes
