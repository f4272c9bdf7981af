"""Count predictions into pinned bins: one row a subgroup and bucket of time.

Exact, and columnar: a few numpy calls a feature, none a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil_processor.bins.pairs import as_numpy, dimensions, numbers, texts
from algovigil_processor.bins.pins import NUMERIC
from algovigil_processor.schema import SCHEMAS, TEXT, TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from algovigil_processor.bins.pairs import Numbers
    from algovigil_processor.bins.pins import Levels, Numeric, Pins

MAX_VALUES: Final = 64
"""Values of one subgroup key in one batch; rarer ones are counted as `other`."""
OTHER: Final = "(other)"
_MOST_CELLS: Final = 8_000_000
_CHUNK: Final = 65_536  # values at once: what the processor's cache holds
_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Division:
    """Rows divided by one subgroup key, and by time."""

    key: str
    group: NDArray[np.int64]
    """Per row; -1 is in none."""
    buckets: NDArray[np.int64]
    """Per group; below, its value."""
    values: list[str]


def count(
    rows: pa.RecordBatch, model: str, version: str, pins: Pins, bucket_seconds: int
) -> pa.RecordBatch:
    """Return *rows* of one version of `inferences` as rows of `bin_counts`.

    Calls that failed, and what *pins* was made of, must have been left out.
    """
    # NumPy needs a cell for each bin of each group; counts of halves add up
    if rows.num_rows > 1 and _cells(rows, pins, bucket_seconds) > _MOST_CELLS:
        half = rows.num_rows // 2
        parts = [
            count(part, model, version, pins, bucket_seconds)
            for part in (rows.slice(0, half), rows.slice(half))
        ]
        return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
    row, code = _codes(rows, pins)
    columns: list[tuple[str, str, int, NDArray[np.int64]]] = []
    for division in _divisions(rows, bucket_seconds):
        counts = _counted(division, row, code, pins)
        columns += [
            (division.key, division.values[i], int(division.buckets[i]), counts[i])
            for i in range(len(counts))
        ]
    return _batch(columns, model, version, pins.reference_id)


def _cells(rows: pa.RecordBatch, pins: Pins, bucket_seconds: int) -> int:
    buckets = len(np.unique(_buckets(rows, bucket_seconds)))
    return buckets * MAX_VALUES * pins.bins


def _buckets(rows: pa.RecordBatch, bucket_seconds: int) -> NDArray[np.int64]:
    times = as_numpy(rows.column("timestamp").cast(TIME).cast(pa.int64()))
    return times // (bucket_seconds * _SECOND) * bucket_seconds


def _codes(
    rows: pa.RecordBatch, pins: Pins
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and bin of every value that has a pin; missing ones have none."""
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for flat in numbers(rows):
        found += _numeric(flat, pins.numeric)
    for name, at, levels in texts(rows):
        if name in pins.categorical:
            codes = _categorical(pins.categorical[name], levels)
            found.append((at[codes >= 0], codes[codes >= 0]))
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))  # type: ignore[return-value] # two of them


def _numeric(
    flat: Numbers, pins: Numeric
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield rows and codes of *flat*, as `statistics.psi.bin_counts` counts."""
    pin_of = np.array([pins.names.get(name, -1) for name in flat.names], np.int64)
    if (pin_of < 0).all():
        return
    for begin in range(0, flat.values.size, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        pin, values = pin_of[flat.which[part]], flat.values[part]
        kept = (pin >= 0) & ~np.isnan(values)
        pin, values = pin[kept], values[kept]
        # all features at once: a search of each would cost a call a feature
        above = (pins.edges[pin] <= values[:, None]).sum(axis=1)
        codes = np.where(np.isfinite(values), pins.first[pin] + above, 0)
        wild = ~np.isfinite(values)
        codes[wild] = pins.infinite[pin[wild]]
        yield flat.rows[part][kept], codes


def _categorical(pins: Levels, levels: pa.Array) -> NDArray[np.int64]:
    """Return codes (k,), -1 for '' and null."""
    coded = levels.dictionary_encode()
    known = as_numpy(pc.index_in(coded.dictionary, value_set=pins.levels).fill_null(-1))
    of_level = np.where(known < 0, pins.other, pins.first + known.astype(np.int64))
    is_empty = as_numpy(pc.equal(coded.dictionary, ""))
    of_level = np.append(np.where(is_empty, -1, of_level), -1)
    return of_level[as_numpy(coded.indices.fill_null(len(of_level) - 1))]


def _divisions(rows: pa.RecordBatch, bucket_seconds: int) -> list[_Division]:
    buckets, bucket_of = np.unique(_buckets(rows, bucket_seconds), return_inverse=True)
    everyone = _Division("", bucket_of, buckets, [""] * len(buckets))
    divisions = [everyone]
    for key, at, values in dimensions(rows):
        coded = values.dictionary_encode()
        names = coded.dictionary.to_pylist()
        which = as_numpy(coded.indices).astype(np.int64)
        if len(names) > MAX_VALUES:
            often = np.argsort(-np.bincount(which), kind="stable")[:MAX_VALUES]
            place = np.full(len(names), MAX_VALUES)
            place[often] = np.arange(MAX_VALUES)
            which = place[which]
            names = [*(names[i] for i in often), OTHER]
        pairs, group_of = np.unique(
            bucket_of[at] * len(names) + which, return_inverse=True
        )
        group = np.full(rows.num_rows, -1)
        group[at] = group_of
        divisions.append(
            _Division(
                key,
                group,
                buckets[pairs // len(names)],
                [names[i] for i in pairs % len(names)],
            )
        )
    return divisions


def _counted(
    division: _Division,
    row: NDArray[np.int64],
    code: NDArray[np.int64],
    pins: Pins,
) -> NDArray[np.int64]:
    """Return counts (groups, bins); each feature of a group adds up to its rows."""
    groups = len(division.values)
    group = division.group[row]
    inside = group >= 0
    cells = group[inside] * pins.bins + code[inside]
    counts = np.bincount(cells, minlength=groups * pins.bins)
    counts = counts.reshape(groups, pins.bins)
    rows = np.bincount(division.group[division.group >= 0], minlength=groups)
    if pins.bins:
        present = np.add.reduceat(counts, list(pins.first.values()), axis=1)
        missing = _missing(pins)
        # a name that came twice in one row must not make a negative count
        counts[:, missing] += np.maximum(rows[:, None] - present, 0)
    return counts


def _missing(pins: Pins) -> list[int]:
    """Return the code of missing values of each feature, in the order of `first`."""
    return [
        int(pins.numeric.missing[pins.numeric.names[name]])
        if kind == NUMERIC
        else pins.categorical[name].missing
        for name, kind in pins.first
    ]


def _batch(
    columns: list[tuple[str, str, int, NDArray[np.int64]]],
    model: str,
    version: str,
    reference_id: str,
) -> pa.RecordBatch:
    table = np.array([counts for *_, counts in columns])
    group, code = np.nonzero(table)
    offsets = np.concatenate(
        [[0], np.cumsum(np.bincount(group, minlength=len(columns)))]
    ).astype(np.int32)
    counts = pa.MapArray.from_arrays(
        pa.array(offsets),
        pa.array(code.astype(np.uint32)),
        pa.array(table[group, code].astype(np.uint64)),
    )
    size = len(columns)
    values = {
        "model_name": pa.repeat(pa.scalar(model, TEXT), size),
        "model_version": pa.repeat(pa.scalar(version, TEXT), size),
        "reference_id": pa.repeat(pa.scalar(reference_id, TEXT), size),
        "subgroup_key": pa.array([key for key, *_ in columns], TEXT),
        "subgroup_value": pa.array([value for _, value, *_ in columns], TEXT),
        "bucket": pa.array([b for _, _, b, _ in columns], pa.int64()).cast(
            pa.timestamp("s", "UTC")
        ),
        "counts": counts,
    }
    schema = SCHEMAS["bin_counts"]
    return pa.RecordBatch.from_arrays([values[n] for n in schema.names], schema=schema)
