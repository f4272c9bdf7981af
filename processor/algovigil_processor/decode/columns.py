"""Column kernels that every signal uses: lists, ids, times, words, repetition.

Invariant: each returns exactly one row per row it was given, and never a null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil_processor.errors import TooLarge
from algovigil_processor.schema import TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

LATEST_NS: Final = 9_223_372_036_000_000_000
"""The last whole second of ClickHouse's DateTime64(9), 2262-04-11 23:47:16."""

SPREAD_BYTES: Final = 512 * 1024 * 1024
"""Text of one column after each record got its copy of its resource's or scope's."""

_NOTHING: Final = pa.scalar("", pa.string())
_HEX: Final = np.frombuffer(
    "".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16
)


def starts(lists: Any) -> NDArray[np.int32]:
    """Return the n+1 offsets of *lists* (list, string or binary), first one 0."""
    buffer = lists.buffers()[1]
    if not len(lists) or buffer is None:
        return np.zeros(len(lists) + 1, np.int32)
    offsets = np.frombuffer(buffer, np.int32)[lists.offset :][: len(lists) + 1]
    return offsets - offsets[0] if offsets[0] else offsets


def owners(offsets: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return, for each element, the index of the list that holds it."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def elements(lists: pa.ListArray) -> Any:
    """Return the elements of all *lists*, one list after the other.

    `flatten` does the same, and takes twice as long for a few where none is null.
    """
    if lists.null_count or not len(lists):
        return lists.flatten()
    offsets = np.frombuffer(lists.buffers()[1], np.int32)
    first = int(offsets[lists.offset])
    return lists.values.slice(first, int(offsets[lists.offset + len(lists)]) - first)


def unnest(lists: pa.ListArray) -> tuple[Any, NDArray[np.int64]]:
    """Return the elements of all *lists*, and for each the index of its list."""
    return elements(lists), owners(starts(lists))


def listed(offsets: NDArray[np.int32], values: Any) -> pa.ListArray:
    """Return *values* cut at *offsets*."""
    return pa.ListArray.from_arrays(wrap(offsets, pa.int32()), values)


def wrap(values: NDArray[Any], kind: pa.DataType) -> Any:
    """Return *values* as an Arrow array of the same memory."""
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [None, buffer])


def numbers(column: Any) -> NDArray[Any]:
    """Return a column without nulls as numpy, of the same memory where it can."""
    return column.to_numpy(zero_copy_only=False)


def blank(rows: int) -> pa.StringArray:
    """Return '' for each of *rows* rows."""
    return pa.repeat(_NOTHING, rows)


def filled(texts: pa.StringArray) -> NDArray[np.bool_]:
    """Return which of *texts* are not ''."""
    return np.diff(starts(texts)) > 0


def mask(column: Any) -> NDArray[np.bool_]:
    """Return where *column* is not null."""
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    return numbers(column.is_valid()).astype(np.bool_, copy=False)


def plain(texts: pa.StringArray) -> pa.StringArray:
    """Return *texts* with '' where there was null, without copying."""
    if not texts.null_count:
        return texts
    if texts.offset:
        return texts.fill_null("")
    # a null written by a builder has no bytes, so dropping the bitmap makes it ''
    _, offsets, data = texts.buffers()
    return pa.StringArray.from_buffers(len(texts), offsets, data)


def times(ns: pa.UInt64Array) -> Any:
    """Return unix nanoseconds as timestamps; beyond `LATEST_NS` they are clamped."""
    return wrap(np.minimum(numbers(ns), LATEST_NS).astype(np.int64), TIME)


def words(vocabulary: pa.StringArray, codes: pa.Int32Array) -> pa.StringArray:
    """Return the word of each code; a code that has none gets the last word, ''."""
    last = len(vocabulary) - 1
    found = numbers(codes)
    known = (found >= 0) & (found < last)
    return vocabulary.take(wrap(np.where(known, found, last), codes.type))


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids of one column as lower-case hex, '' for empty and for all zero."""

    texts: pa.StringArray
    formed: NDArray[np.bool_]
    """Of the right size, or empty."""
    present: NDArray[np.bool_]
    """Of the right size and not all zero."""


def hex_ids(ids: pa.BinaryArray, size: int) -> Ids:
    """Return *ids*, each of *size* bytes when it is good."""
    offsets = starts(ids)
    lengths = np.diff(offsets)
    raw = _raw(ids, offsets)
    full = lengths == size
    present = full.copy()
    if full.all():
        present &= raw.reshape(len(ids), size).any(axis=1)
    else:
        at = offsets[:-1][full]
        present[full] = raw[at[:, None] + np.arange(size)].any(axis=1)
    texts = _hex(raw, offsets)
    if not np.array_equal(present, lengths > 0):
        texts = pc.if_else(pa.array(present), texts, "")
    return Ids(texts, full | (lengths == 0), present)


def padded_hex_ids(ids: pa.BinaryArray, size: int) -> Ids:
    """Return *ids* as hex of the raw array: an empty id is all zeros, not ''."""
    lengths = np.diff(starts(ids))
    texts = _hex(_raw(ids, starts(ids)), starts(ids))
    empty = lengths == 0
    if empty.any():
        texts = pc.if_else(pa.array(empty), "0" * (2 * size), texts)
    formed = empty | (lengths == size)
    return Ids(texts, formed, formed)


def _raw(ids: pa.BinaryArray, offsets: NDArray[np.int32]) -> NDArray[np.uint8]:
    data = ids.buffers()[2]
    if data is None or not offsets[-1]:
        return np.zeros(0, np.uint8)
    first = int(np.frombuffer(ids.buffers()[1], np.int32)[ids.offset])
    return np.frombuffer(data, np.uint8)[first : first + int(offsets[-1])]


def _hex(raw: NDArray[np.uint8], offsets: NDArray[np.int32]) -> pa.StringArray:
    return pa.StringArray.from_buffers(
        len(offsets) - 1,
        pa.py_buffer(np.ascontiguousarray(offsets * np.int32(2))),
        pa.py_buffer(_HEX[raw]),
    )


def spread(column: Any, owner: NDArray[np.int64]) -> Any:
    """Return *column*[*owner*]: what belongs to a resource or scope, per record.

    Raises:
        TooLarge: the copies would be over `SPREAD_BYTES`.

    """
    if column.nbytes * len(owner) > SPREAD_BYTES:
        copies = np.bincount(owner, minlength=len(column))
        if int(copies @ _text_bytes(column)) > SPREAD_BYTES:
            raise TooLarge(
                "found: resource or scope attributes that, repeated for each record, "
                f"take over {SPREAD_BYTES} bytes; hint: send fewer records a request"
            )
    if len(column) == len(owner) == 1:
        return column
    return column.take(wrap(owner, pa.int64()))


def _text_bytes(column: Any) -> NDArray[np.int64]:
    if pa.types.is_map(column.type):
        pairs = _text_bytes(column.keys) + _text_bytes(column.items)
        sums = np.concatenate(([0], np.cumsum(pairs)))
        offsets = starts(column)
        return sums[offsets[1:]] - sums[offsets[:-1]]
    if pa.types.is_string(column.type):
        return np.diff(starts(column)).astype(np.int64)
    return np.full(len(column), column.type.bit_width // 8, np.int64)
