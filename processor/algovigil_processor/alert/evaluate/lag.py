"""How late calls reach the store, and how long evaluation therefore waits.

A window that ends before its calls are stored looks calm. So windows end as long before
the slot as 99 % of the recent calls took to arrive; what arrives later than evaluation
may wait makes short windows unknown instead of calm.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from algovigil_processor.alert.evaluate.reader import Store
    from algovigil_processor.alert.rules.needs import Need

_SQL: Final = (Path(__file__).parent / "queries" / "lag.sql").read_text("ascii")
_RECENT_NS: Final = 300 * 10**9
_TOLERATED: Final = 0.1
"""The share of a window whose calls may be missing before it is unknown."""


class Lag:
    """Observes the lag; `most_seconds` is what evaluation waits at most."""

    def __init__(self, store: Store, most_seconds: float) -> None:
        self._store: Final = store
        self._most: Final = most_seconds
        self.seconds = 0.0

    def observe(self, now_ns: int) -> None:
        """Look at the calls stored lately; nothing stored is no lag."""
        window = {"since_ns": max(now_ns - _RECENT_NS, 0), "now_ns": now_ns}
        try:
            # one row
            found = self._store.query(_SQL, window).to_pylist()[0]["lag"]
        except Exception:
            return  # the readings of this slot will say that the store is away
        self.seconds = found if found is not None and math.isfinite(found) else 0.0

    @property
    def delay_ns(self) -> int:
        """How long before its slot a window ends, in whole seconds."""
        return math.ceil(min(max(self.seconds, 0.0), self._most)) * 10**9

    def stale(self, needs: Iterable[Need], default_seconds: float) -> Iterator[Need]:
        """Return those of *needs* whose window may lack too many of its calls."""
        excess = self.seconds - self._most
        if excess <= 0:
            return
        for need in needs:
            if excess > _TOLERATED * (need.over or default_seconds):
                yield need
