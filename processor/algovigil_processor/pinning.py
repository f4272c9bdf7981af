"""`Pinning`: how line 1 learns which references are in force, without being asked.

Analysis says what is in force; the line counts by it from its next group on. Rows
that were written under older references are then final in the store, and may be
counted from there: each row exactly once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil_processor.bins import Held, Pins
    from algovigil_processor.journal import Journal


class Pinning:
    """The thread of a tick alone calls it."""

    def __init__(self, held: Held, journal: Journal) -> None:
        self._held = held
        self._journal = journal
        self._ids: frozenset[str] = frozenset()
        self._mark: int | None = None

    def follow(self, active: Mapping[tuple[str, str], Pins]) -> None:
        """Let the line count by *active*, by model and version."""
        ids = frozenset(pins.reference_id for pins in active.values())
        if ids != self._ids:
            self._held.swap(active)
            self._ids, self._mark = ids, None

    def is_settled(self) -> bool:
        """Whether the store has every row that was counted by older references."""
        if self._mark is None:
            if not self._held.is_drained():
                return False
            self._mark = self._journal.mark()
        return self._journal.is_stored(self._mark)
