"""`Held`: the references that line 1 counts by, swapped as a whole.

Whoever counts holds one immutable snapshot, and says when it is done: so it is known
when the last row under an older one has been written.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from algovigil_processor.bins.pins import Pins

    Active: TypeAlias = Mapping[tuple[str, str], Pins]
    """The pins in force by model and version."""


@dataclass(slots=True)
class _Snapshot:
    active: Active = field(default_factory=lambda: MappingProxyType({}))
    users: int = 0


class Held:
    """One snapshot in force; thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = _Snapshot()
        self._older: list[_Snapshot] = []

    @contextlib.contextmanager
    def use(self) -> Iterator[Active]:
        """Hold the snapshot in force until its rows are written."""
        with self._lock:
            snapshot = self._now
            snapshot.users += 1
        try:
            yield snapshot.active
        finally:
            with self._lock:
                snapshot.users -= 1

    def swap(self, active: Active) -> None:
        """Put *active* in force for whoever comes next."""
        with self._lock:
            self._older.append(self._now)
            self._now = _Snapshot(MappingProxyType(dict(active)))

    def is_drained(self) -> bool:
        """Whether nobody holds an older snapshot any more."""
        with self._lock:
            self._older = [old for old in self._older if old.users]
            return not self._older
