"""`Pins`: where the bins of one reference are, without its data.

All bins of a reference share one range of codes: those of a feature begin at `first`.
A numeric feature has a bin below its edges, one between each two, one above, then
missing and infinite; a categorical one has a bin a level, then other and missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Key: TypeAlias = tuple[str, str]
"""Name and kind of a feature."""

NUMERIC: Final = "numeric"
CATEGORICAL: Final = "categorical"


@dataclass(frozen=True, slots=True)
class Numeric:
    """The bins of all numeric features, as arrays (f, ...) in the order of `names`."""

    names: Mapping[str, int]
    edges: NDArray[np.float64]
    """(f, most edges), padded with NaN, which no value is at or above."""
    first: NDArray[np.int64]
    missing: NDArray[np.int64]
    infinite: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Levels:
    """The bins of one categorical feature."""

    first: int
    levels: pa.StringArray

    @property
    def other(self) -> int:
        """The code of levels that the reference does not have."""
        return self.first + len(self.levels)

    @property
    def missing(self) -> int:
        """The code of rows that have no level."""
        return self.first + len(self.levels) + 1


@dataclass(frozen=True, slots=True)
class Pins:
    """The bins of one reference of one version of a model."""

    reference_id: str
    since_ns: int
    """Rows up to this time are the reference itself, and not counted again."""
    first: Mapping[Key, int]
    """The first code of each feature."""
    numeric: Numeric
    categorical: Mapping[str, Levels]
    bins: int

    @classmethod
    def of(
        cls,
        reference_id: str,
        since_ns: int,
        edges: Mapping[Key, NDArray[np.float64]],
        levels: Mapping[Key, tuple[str, ...]],
    ) -> Pins:
        """Lay the bins of all features out, in the order of their keys."""
        first: dict[Key, int] = {}
        place = 0
        for key in sorted([*edges, *levels]):
            first[key] = place
            place += len(edges[key]) + 3 if key in edges else len(levels[key]) + 2
        return cls(
            reference_id=reference_id,
            since_ns=since_ns,
            first=first,
            numeric=_numeric(edges, first),
            categorical={
                key[0]: Levels(first[key], pa.array(levels[key], pa.string()))
                for key in levels
            },
            bins=place,
        )


def _numeric(
    edges: Mapping[Key, NDArray[np.float64]], first: Mapping[Key, int]
) -> Numeric:
    keys = sorted(edges)
    sizes = np.array([len(edges[key]) for key in keys], np.int64)
    padded = np.full((len(keys), int(sizes.max(initial=0))), np.nan)
    for i, key in enumerate(keys):
        padded[i, : sizes[i]] = edges[key]
    starts = np.array([first[key] for key in keys], np.int64)
    return Numeric(
        names={key[0]: i for i, key in enumerate(keys)},
        edges=padded,
        first=starts,
        missing=starts + sizes + 1,
        infinite=starts + sizes + 2,
    )
