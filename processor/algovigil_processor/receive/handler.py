"""One OTLP request, from bytes and meta to a reply; no socket in sight.

gRPC and HTTP translate the reply to their own codes; the rules are OTLP 1.11's.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from algovigil_processor.errors import Permanent, Retryable, TooLarge
from algovigil_processor.receive.advice import Advice
from algovigil_processor.receive.intake import Request, digest

if TYPE_CHECKING:
    from algovigil_processor.pipeline import Signal
    from algovigil_processor.receive.intake import Intake
    from algovigil_processor.telemetry import Telemetry

_LOG: Final = logging.getLogger(__name__)
Outcome: TypeAlias = Literal["ok", "invalid", "too_large", "unavailable", "internal"]


@dataclass(frozen=True, slots=True)
class Meta:
    """What the transport knows of a request besides its bytes."""

    signal: Signal
    transport: str
    peer: str
    received_ns: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sender is told."""

    outcome: Outcome
    message: str = ""
    rejected: int = 0
    retry_seconds: float = 0.0


class Handler:
    """Takes requests in for one intake."""

    def __init__(
        self, intake: Intake, telemetry: Telemetry, *, max_body_bytes: int
    ) -> None:
        self._intake = intake
        self._telemetry = telemetry
        self._advice = Advice()
        self.max_body_bytes = max_body_bytes

    async def handle(self, body: bytes, meta: Meta) -> Reply:
        """Return when the request is durable, refused or impossible; never raises.

        *body* is OTLP protobuf, decompressed.
        """
        try:
            if len(body) > self.max_body_bytes:
                raise TooLarge(f"over {self.max_body_bytes} bytes after decompression")
            return self._answered(meta, await self._accept(body, meta))
        except Exception as error:
            reply = self.refused(meta, error)
        if reply.outcome == "unavailable":
            await self._hold(meta.peer, reply.retry_seconds, len(body))
        return reply

    async def _hold(self, peer: str, retry_seconds: float, size: int) -> None:
        """Return when *peer*, which is to be refused, may have its answer."""
        seconds = self._advice.early(peer, retry_seconds, size)
        if not seconds:
            return
        try:
            await asyncio.sleep(seconds)
        finally:
            self._advice.release(size)

    def refused(self, meta: Meta, error: Exception) -> Reply:
        """Return the answer to a request that *error* ended."""
        if isinstance(error, TooLarge):
            reply = Reply("too_large", str(error))
        elif isinstance(error, Permanent):
            reply = Reply("invalid", str(error))
        elif isinstance(error, Retryable):
            reply = Reply("unavailable", str(error), 0, error.retry_seconds)
        else:
            _LOG.error("receive: %s while taking a request in", type(error).__name__)
            reply = Reply("internal", "the request could not be processed")
        return self._answered(meta, reply)

    def _answered(self, meta: Meta, reply: Reply) -> Reply:
        self._telemetry.count(
            "receive.requests",
            signal=meta.signal,
            transport=meta.transport,
            code=reply.outcome,
        )
        return reply

    async def _accept(self, body: bytes, meta: Meta) -> Reply:
        # before the digest: under overload most are refused, by the one thread that
        # also takes in what small senders send
        self._intake.room(meta.peer, len(body))
        request = Request(
            meta.signal,
            body,
            meta.peer,
            meta.transport,
            meta.received_ns,
            digest(meta.signal, body),
        )
        self._telemetry.count("receive.bytes", len(body), signal=meta.signal)
        # shielded: a caller that hangs up does not undo what others may share
        accepted = await asyncio.shield(
            asyncio.wrap_future(self._intake.offer(request))
        )
        return Reply("ok", accepted.reason, accepted.rejected)
