"""Lists of `KeyValue` to sorted string maps, and typed look-up by attribute name.

Invariant: within a row keys are sorted by their bytes and unique; of duplicates the
last on the wire is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil_processor.decode import values as any_values
from algovigil_processor.decode.columns import (
    blank,
    elements,
    numbers,
    owners,
    starts,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


_NO_CODES: Final = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes of n rows; an *entry* is one attribute after sorting."""

    offsets: NDArray[np.int32]
    """n+1 offsets of the rows into the entries."""
    keys: pa.StringArray
    texts: pa.StringArray
    vocabulary: Mapping[str, int]
    """The code of each key that there is."""
    codes: NDArray[np.int32]
    """Per entry: the code of its key."""
    source: NDArray[np.int64] | None
    """Per entry: its index in `values`; None when equal to the entry's own."""
    values: Any
    """Struct array of the `AnyValue`s as they came."""
    arrays: any_values.Arrays | None
    ambiguous: NDArray[np.bool_] | None
    """Per row: it holds a value with two members; None when no row does."""

    @classmethod
    def of(cls, lists: pa.ListArray) -> Attributes:
        """Read *lists*, one list of `KeyValue` structs per row."""
        pairs = elements(lists)
        offsets = starts(lists)
        keys, values = pairs.field("key"), pairs.field("value")
        if not len(pairs):
            return cls(offsets, keys, keys, {}, _NO_CODES, None, values, None, None)
        texts = any_values.texts(values)
        coded = keys.dictionary_encode()
        codes = numbers(coded.indices)
        rows = owners(offsets)
        order, kept = _order(rows, codes, coded.dictionary)
        if order is not None:
            codes = codes[order]
            keys = coded.dictionary.take(wrap(codes, pa.int32()))
        if kept < len(rows):
            counts = np.bincount(rows[order], minlength=len(lists))
            offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        ambiguous = None
        if texts.ambiguous is not None:
            ambiguous = np.zeros(len(lists), np.bool_)
            ambiguous[rows[texts.ambiguous]] = True
        return cls(
            offsets=offsets,
            keys=keys,
            texts=texts.take(order),
            # unique keys, which are few: much is asked of them by name
            vocabulary={k: i for i, k in enumerate(coded.dictionary.to_pylist())},
            codes=codes,
            source=order,
            values=values,
            arrays=texts.arrays,
            ambiguous=ambiguous,
        )

    def maps(self) -> pa.MapArray:
        """Return one map per row."""
        return pa.MapArray.from_arrays(
            wrap(self.offsets, pa.int32()), self.keys, self.texts
        )

    def column(self, name: str) -> pa.StringArray:
        """Return the text of attribute *name* per row, '' where a row has none."""
        if name not in self.vocabulary:
            return blank(len(self.offsets) - 1)
        return self.text(self.find([name])[0])

    def text(self, entries: NDArray[np.int64]) -> pa.StringArray:
        """Return the texts of *entries*, '' for -1."""
        if len(entries) and entries.min() >= 0:
            return self.texts.take(wrap(entries, pa.int64()))
        return pick(self.texts, entries).fill_null("")

    def find(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return per name and row the entry of that attribute, -1 where absent.

        Shape (len(names), rows).
        """
        found = np.full((len(names), len(self.offsets) - 1), -1, np.int64)
        if not len(self.codes):
            return found
        at = np.full(len(self.vocabulary), -1)
        for number, name in enumerate(names):
            if (code := self.vocabulary.get(name)) is not None:
                at[code] = number
        slot = at[self.codes]
        entries = np.flatnonzero(slot >= 0)
        row = np.searchsorted(self.offsets, entries, side="right") - 1
        found[slot[entries], row] = entries
        return found

    def typed(self, entries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the indices into `values` of *entries*; -1 stays -1."""
        if self.source is None or not len(self.source):
            return entries
        return np.where(entries < 0, -1, self.source[entries])


def pick(column: Any, at: NDArray[np.int64]) -> Any:
    """Return *column*[*at*], null where *at* is -1."""
    if not len(column):
        return pa.nulls(len(at), column.type)
    return column.take(pa.array(at, mask=at < 0))


def _order(
    rows: NDArray[np.int64], codes: NDArray[np.int32], vocabulary: pa.StringArray
) -> tuple[NDArray[np.int64] | None, int]:
    """Return the pairs' indices by (row, key) without duplicates, and their number.

    None in place of the indices when the pairs are in order already.
    """
    rank = np.empty(len(vocabulary), np.int64)
    rank[numbers(pc.array_sort_indices(vocabulary))] = np.arange(len(vocabulary))
    place = rows * len(vocabulary) + rank[codes]
    if (place[1:] > place[:-1]).all():
        return None, len(place)
    order = np.argsort(place, kind="stable")
    ordered = place[order]
    last = ordered[1:] != ordered[:-1]
    if not last.all():
        order = order[np.append(last, True)]
    return order, len(order)
