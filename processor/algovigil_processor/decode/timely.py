"""Which records are dated where no row can be: late is welcome, impossible is not.

A row dated far ahead would be the newest of every look-up for years; rows scattered
over a hundred thousand days would each become a partition. Both are refused, alone and
counted, so that the sender learns of its clock. No time is ever altered. A time of zero
means that the sender has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from algovigil_processor.decode.envelope import Refusals

_LAST: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Window:
    """How far from the processor's clock a record may be dated, in seconds."""

    future_seconds: float
    late_seconds: float


@dataclass(frozen=True, slots=True)
class Timely:
    """A window around the moment of a request, in unix nanoseconds."""

    earliest_ns: int = 0
    latest_ns: int = _LAST

    @classmethod
    def of(cls, window: Window | None, received_ns: int) -> Timely:
        """Return *window* around *received_ns*."""
        if window is None:
            return cls()
        return cls(
            max(0, received_ns - int(window.late_seconds * 1e9)),
            received_ns + int(window.future_seconds * 1e9),
        )

    def judge(self, times: NDArray[np.uint64], refusals: Refusals) -> None:
        """Refuse the rows whose *times*, in unix nanoseconds, cannot be."""
        if not len(times) or (
            times.min() >= self.earliest_ns and times.max() <= self.latest_ns
        ):
            return
        ahead = times > np.uint64(self.latest_ns)
        refusals.refuse(ahead, "a time too far ahead of the processor's clock")
        behind = (times < np.uint64(self.earliest_ns)) & (times > 0)
        refusals.refuse(behind, "a time too far in the past")
