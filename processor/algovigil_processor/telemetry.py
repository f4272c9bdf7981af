"""Every self-metric, once: a misspelt name is a type error.

Counters and gauges live in one registry that `serve/metrics.py` prints; labels are
bounded words of ours, or names of services, cleaned and bounded in number.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Final, Literal, TypeAlias

Counter: TypeAlias = Literal[
    "receive.requests",  # requests answered, by signal, transport and code
    "receive.bytes",  # decompressed bytes taken in, by signal
    "intake.refused",  # requests turned away because memory or the journal was full
    "intake.duplicates",  # requests recognised by the digest of their body
    "decode.rejected",  # records refused inside accepted requests, by signal
    "line.cpu_seconds",  # of the workers, by stage: decode, redact, keep
    "redact.values",  # values rewritten, by class, action, rule and column
    "redact.services",  # values rewritten, by service; the 101st is one of `(others)`
    "redact.errors",  # fields dropped because cleaning them failed
    "journal.groups",  # groups fsynced
    "journal.replayed",  # segments inserted again at start
    "journal.set_aside",  # segments that could not be read
    "store.rows",  # rows the database acknowledged, by table
    "store.retries",  # inserts tried again
    "derive.rejected",  # calls whose arrays do not fit each other
    "analyse.ticks",  # analysis ticks, by kind and result
    "alert.evaluations",  # rule evaluations, by result
    "alert.notifications",  # messages that groups were told, by reason
    "alert.escalations",  # levels that incidents rose to
    "alert.slots",  # instants at which rules are due: judged, replayed, missed
    "alert.deliveries",  # delivery attempts, by channel type and outcome
    "alert.dead_letters",  # deliveries that nobody took
    "alert.failovers",  # deliveries owed to another channel instead
    "alert.audits",  # looks of the auditor, by result
    "alert.heartbeats",  # pings of the dead man's switch, by outcome
    "canary.checks",  # passages of the leak canary, by result
    "sql.queries",  # statements of users, by result
]
Gauge: TypeAlias = Literal[
    "intake.bytes",  # bytes waiting or in work
    "journal.bytes",  # bytes on disk not yet in every table
    "alert.muted_critical",  # critical incidents that fire and are not told
    "alert.escalation_late_seconds",  # of the last step, after it was due
    "alert.oldest_owed_seconds",  # age of the oldest message that waits
    "alert.leads",  # 1 on the replica that evaluates
    "alert.last_slot_seconds",  # the instant judged last, in Unix time
    "alert.tick_seconds",  # how long its judging took
    "alert.ingest_lag_seconds",  # how late 99 % of the recent calls were stored
    "alert.rules",  # rules in force
    "canary.leaks",  # places where the last leak canary was found
    "canary.checked_seconds",  # when it was looked for, in Unix time
    "alert.firing",  # alerts that fire
]

Labels: TypeAlias = tuple[tuple[str, str], ...]
Published: TypeAlias = tuple[str, Labels, float]
"""A finding for `/metrics`: name, labels out of redacted rows, value."""


class Telemetry:
    """Thread-safe counters and gauges of one processor."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._counters: Final[dict[tuple[str, Labels], float]] = defaultdict(float)
        self._gauges: Final[dict[str, float]] = {}
        self._published: Final[dict[str, list[Published]]] = {}

    def count(self, name: Counter, n: float = 1, **labels: str) -> None:
        """Add *n* to the counter *name* under *labels*."""
        with self._lock:
            self._counters[name, tuple(sorted(labels.items()))] += n

    def gauge(self, name: Gauge, value: float) -> None:
        """Set the gauge *name*."""
        with self._lock:
            self._gauges[name] = value

    def publish(self, source: str, found: list[Published]) -> None:
        """Show *found* on `/metrics` instead of what *source* showed before."""
        with self._lock:
            self._published[source] = found

    def published(self) -> list[Published]:
        """Return what every source shows now."""
        with self._lock:
            return [one for found in self._published.values() for one in found]

    def counters(self) -> dict[tuple[str, Labels], float]:
        """Return a copy of all counters."""
        with self._lock:
            return dict(self._counters)

    def gauges(self) -> dict[str, float]:
        """Return a copy of all gauges."""
        with self._lock:
            return dict(self._gauges)

    def total(self, name: Counter, **labels: str) -> float:
        """Return the sum of *name* over all labels that include *labels*."""
        wanted = set(labels.items())
        return sum(
            value
            for (counter, have), value in self.counters().items()
            if counter == name and wanted <= set(have)
        )
