"""Statistical functions of monitoring: pure, on numpy and scipy, without any I/O.

Every function is given its data, its levels and, where it draws, its generator; the
same arguments give the same result. What cannot be said of too few data is a status,
never an exception and never a NaN. scipy is imported by the call that needs it.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Status: TypeAlias = Literal["ok", "warning", "drift", "insufficient_data"]

OK: Final = "ok"
WARNING: Final = "warning"
"""A single look says so; the chart over looks does not, yet."""
DRIFT: Final = "drift"
INSUFFICIENT: Final = "insufficient_data"
