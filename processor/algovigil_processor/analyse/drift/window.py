"""What a reference's bins hold of one window, and of the time before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from algovigil_processor.analyse.store import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from algovigil_processor.analyse.drift.reference import Reference, Subgroup
    from algovigil_processor.analyse.store import Store

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """Counts (bins,) by subgroup of the predictions of a window."""

    start_ns: int
    end_ns: int
    counts: dict[Subgroup, NDArray[np.int64]]
    rows: int
    """Predictions counted; each feature's bins add up to it."""


@dataclass(frozen=True, slots=True)
class Series:
    """Counts (steps, bins) of everyone over time, and when each step began."""

    seconds: NDArray[np.int64]
    counts: NDArray[np.int64]
    step_seconds: int


def read_window(
    store: Store, reference: Reference, start_ns: int, end_ns: int
) -> Window:
    """Read the counts of one window."""
    bins = reference.pins.bins
    found = rows(store, "drift/bins", **_of(reference, start_ns, end_ns))
    counts = {
        (row["subgroup_key"], row["subgroup_value"]): _vector(row["counts"], bins)
        for row in found
    }
    everyone = counts.setdefault(("", ""), np.zeros(bins, np.int64))
    profile = next(iter(reference.profiles.values()), None)
    total = int(everyone[: profile.counts.size].sum()) if profile is not None else 0
    return Window(start_ns, end_ns, counts, total)


def read_series(
    store: Store, reference: Reference, start_ns: int, end_ns: int, step_seconds: int
) -> Series:
    """Read the counts of steps of *step_seconds*; steps without rows are left out."""
    found = rows(
        store,
        "drift/series",
        **_of(reference, start_ns, end_ns),
        step=step_seconds,
    )
    bins = reference.pins.bins
    return Series(
        seconds=np.array([row["at"] for row in found], np.int64),
        counts=np.array(
            [_vector(row["counts"], bins) for row in found], np.int64
        ).reshape(len(found), bins),
        step_seconds=step_seconds,
    )


def _of(reference: Reference, start_ns: int, end_ns: int) -> Mapping[str, Any]:
    return {
        "model": reference.version.model,
        "version": reference.version.version,
        "reference_id": reference.reference_id,
        # rows of the reference itself were never counted: the bucket that it ends
        # in may be read whole
        "start": -(-start_ns // _SECOND) if start_ns > reference.since_ns else 0,
        "end": end_ns // _SECOND,
    }


def _vector(
    counts: Mapping[int, int] | Iterable[tuple[int, int]], bins: int
) -> NDArray[np.int64]:
    vector = np.zeros(bins, np.int64)
    pairs = counts.items() if hasattr(counts, "items") else counts
    for code, times in pairs:
        vector[code] += times
    return vector
