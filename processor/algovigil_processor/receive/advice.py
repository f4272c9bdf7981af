"""Advice that is kept to: who was told to come back later, and when.

A sender that comes back before the time it was told gets its next refusal only then.
One that waits as told notices nothing; one that never waits costs the others a refusal
now and then, not all that its connection can carry.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST: Final = 1.0  # seconds: a stop waits for refusals under way
_MOST_BYTES: Final = 16 * 1024**2
"""Bodies of requests whose refusal waits: the transport keeps them until then."""


class Advice:
    """When each peer may come back; for one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._due: Final[dict[str, float]] = {}
        self._held_bytes = 0

    def early(self, peer: str, retry_seconds: float, size: int) -> float:
        """Return for how many seconds the refusal of *size* bytes of *peer* is held.

        Zero for a peer that did what it was told: from now on it is told to come back
        in *retry_seconds*. What is held is given back with `release`.
        """
        now = self._clock()
        due = self._due.get(peer, now)
        if due <= now:
            # not at each early one: they are what there are many of
            self._forget(now)
            self._due[peer] = now + retry_seconds
            return 0.0
        if self._held_bytes + size > _MOST_BYTES:
            return 0.0
        self._held_bytes += size
        return min(due - now, _LONGEST)

    def release(self, size: int) -> None:
        """Take note that a refusal that held *size* bytes is sent."""
        self._held_bytes -= size

    def _forget(self, now: float) -> None:
        """Forget whom nothing keeps away any more; a peer is told at most 3 s."""
        for peer in [peer for peer, due in self._due.items() if due <= now]:
            del self._due[peer]
