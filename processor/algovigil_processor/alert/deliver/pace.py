"""How fast one endpoint is sent to, and when it is left alone. Pure but for its state.

A bucket of tokens bounds the rate; a receiver that says `Retry-After` is obeyed by all
that is owed to it; one that fails again and again is tried by one message at a time,
ever more rarely, until it takes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from algovigil_processor.alert.deliver.owed import LONGEST_WISH

if TYPE_CHECKING:
    from algovigil_processor.alert.deliver import Result, Terms

_SECOND_NS: Final = 10**9
_TRIPS_AT: Final = 5  # failures in a row
_FIRST_REST: Final = 5.0
_LONGEST_REST: Final = 300.0


class Pace:
    """The pace of one channel; one thread at a time."""

    def __init__(self, terms: Terms) -> None:
        self._rate: Final = terms.per_minute / 60e9  # tokens a nanosecond
        self._burst: Final = float(terms.burst)
        self._tokens = float(terms.burst)
        self._at_ns = 0
        self._failures = 0
        self._rest_until_ns = 0

    @property
    def tripped(self) -> bool:
        """Whether the endpoint failed so often that one message probes it."""
        return self._failures >= _TRIPS_AT

    def allowance(self, now_ns: int) -> int:
        """Return how many messages may be sent at *now_ns*."""
        # a clock put back neither fills the bucket nor prolongs a rest
        longest_ns = int(LONGEST_WISH * _SECOND_NS)
        if now_ns < self._rest_until_ns <= now_ns + longest_ns:
            return 0
        passed = max(now_ns - self._at_ns, 0) if self._at_ns else 0
        self._tokens = min(self._tokens + passed * self._rate, self._burst)
        self._at_ns = now_ns
        # the sums of a rate and of times are a hair off whole numbers
        whole = int(self._tokens + 1e-6)
        return min(whole, 1) if self.tripped else whole

    def used(self, result: Result, now_ns: int) -> None:
        """Learn from one attempt that ended at *now_ns*."""
        self._tokens -= 1
        if not result.may_retry or result.outcome == "deferred":
            # an SMTP 4yz is about one recipient and says nothing of the next
            self._failures = 0
            return
        self._failures += 1
        rest = 0.0
        if result.retry_after is not None:
            rest = min(result.retry_after, LONGEST_WISH)
        elif self.tripped:
            rest = _FIRST_REST * 2.0 ** min(self._failures - _TRIPS_AT, 32)
            rest = min(rest, _LONGEST_REST)
        self._rest_until_ns = max(self._rest_until_ns, now_ns + int(rest * _SECOND_NS))
