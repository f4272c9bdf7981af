"""What a batch of predictions holds, by feature: which rows, and their values.

The score, the label and who the patients are (`case_mix.*`) are features like any
other; an embedding is seen by a few fixed random projections of it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SCORE: Final = "prediction.score"
VALUE: Final = "prediction.value"
LABEL: Final = "prediction.label"
CASE_MIX: Final = "case_mix."
EMBEDDING: Final = "embedding."
PROJECTIONS: Final = 16
"""Random directions of an embedding: enough that a shift of it shows in some."""

COLUMNS: Final = (
    "timestamp",
    "site",
    "device",
    "label",
    "score",
    "value",
    "features",
    "categories",
    "embedding",
    "subgroup",
)
"""What of `inferences` is counted."""


class Numbers(NamedTuple):
    """Values (k,) of several numeric features, their rows, and which is whose."""

    names: list[str]
    which: NDArray[np.int64]
    """Per value, the place of its feature in `names`."""
    rows: NDArray[np.int64]
    values: NDArray[np.float64]


class Texts(NamedTuple):
    """Levels (k,) of one categorical feature and their rows (k,)."""

    name: str
    rows: NDArray[np.int64]
    values: pa.Array


def numbers(batch: pa.RecordBatch) -> Iterator[Numbers]:
    """Yield the numeric features of *batch*; a missing value is absent or NaN."""
    column = batch.column("features")
    offsets = as_numpy(column.offsets)
    begin, end = int(offsets[0]), int(offsets[-1])
    if begin < end:
        keys = plain(column.keys)[begin:end].dictionary_encode()
        yield Numbers(
            keys.dictionary.to_pylist(),
            as_numpy(keys.indices).astype(np.int64),
            np.repeat(np.arange(len(column)), np.diff(offsets)),
            as_numpy(column.items[begin:end]),
        )
    for name, source in ((SCORE, "score"), (VALUE, "value")):
        values = as_numpy(batch.column(source).cast(pa.float64()).fill_null(np.nan))
        yield _one(name, values)
    yield from _projected(batch.column("embedding"))


def texts(batch: pa.RecordBatch) -> Iterator[Texts]:
    """Yield every categorical feature of *batch*; missing values are left out."""
    yield from (Texts(*found) for found in _of_map(batch.column("categories")))
    yield from _whole(LABEL, batch.column("label"))
    for dimension in dimensions(batch):
        yield Texts(CASE_MIX + dimension.name, dimension.rows, dimension.values)


def dimensions(batch: pa.RecordBatch) -> Iterator[Texts]:
    """Yield what divides the rows of *batch* into subgroups: site, device, its own."""
    for name in ("site", "device"):
        yield from _whole(name, batch.column(name))
    yield from (Texts(*found) for found in _of_map(batch.column("subgroup")))


def as_numpy(column: pa.Array) -> NDArray[Any]:
    """Return *column* as numpy, copied where it must be."""
    return column.to_numpy(zero_copy_only=False)


def plain(column: pa.Array) -> pa.Array:
    """Return texts as texts, whatever dictionary they came in."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def _whole(name: str, column: pa.Array) -> Iterator[Texts]:
    values = plain(column)
    there = np.flatnonzero(as_numpy(pc.not_equal(values, "").fill_null(False)))
    if there.size:
        yield Texts(name, there, values.take(pa.array(there)))


def _of_map(column: pa.MapArray) -> Iterator[tuple[str, NDArray[np.int64], pa.Array]]:
    """Yield each key of *column* with its rows and values, sorted out at once."""
    offsets = as_numpy(column.offsets)
    begin, end = int(offsets[0]), int(offsets[-1])
    keys = plain(column.keys)[begin:end].dictionary_encode()
    if not len(keys):
        return
    items = plain(column.items)[begin:end]
    rows = np.repeat(np.arange(len(column)), np.diff(offsets))
    codes = as_numpy(keys.indices)
    names = keys.dictionary.to_pylist()
    # small unsigned codes are sorted by radix, in linear time
    small = codes.astype(np.uint16) if len(names) < 2**16 else codes
    order = np.argsort(small, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    values = items.take(pa.array(order))
    for code, name in enumerate(names):
        first = int(ends[code - 1]) if code else 0
        yield (
            name,
            rows[order[first : ends[code]]],
            values.slice(first, int(ends[code]) - first),
        )


def _one(name: str, values: NDArray[np.float64]) -> Numbers:
    rows = np.flatnonzero(~np.isnan(values))
    return Numbers([name], np.zeros(rows.size, np.int64), rows, values[rows])


def _projected(column: pa.ListArray) -> Iterator[Numbers]:
    sizes = as_numpy(pc.list_value_length(column).fill_null(0)).astype(np.int64)
    present = np.unique(sizes[sizes > 0])
    if present.size != 1:  # none, or of several models: no common space
        return
    rows = np.flatnonzero(sizes)
    flat = as_numpy(pc.fill_null(column.flatten().cast(pa.float64()), np.nan))
    vectors = flat.reshape(rows.size, int(present[0]))
    with np.errstate(invalid="ignore", over="ignore"):
        seen = vectors @ _directions(int(present[0]))
    yield Numbers(
        [f"{EMBEDDING}{i}" for i in range(PROJECTIONS)],
        np.tile(np.arange(PROJECTIONS), rows.size),
        np.repeat(rows, PROJECTIONS),
        seen.ravel(),
    )


@lru_cache(maxsize=16)
def _directions(size: int) -> NDArray[np.float64]:
    """Return unit directions (size, PROJECTIONS), the same for ever."""
    drawn = np.random.default_rng(size).normal(size=(size, PROJECTIONS))
    return drawn / np.linalg.norm(drawn, axis=0)
