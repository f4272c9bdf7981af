"""The redaction of some columns: collect their texts, judge each once, put them back.

Invariant: a text stays as it is only if its key is no identifier's and no rule fits it;
positions never move.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from algovigil_processor.redact import columns as shape
from algovigil_processor.redact import parallel, persons
from algovigil_processor.redact.texts import IDENTIFIER, PLAIN, Texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from algovigil.phi import Protector
    from algovigil_processor.redact.prefilter import Prefilter
    from algovigil_processor.redact.texts import Marks


@dataclass(frozen=True, slots=True)
class Place:
    """A column, its leaves, and where the text of each begins among all texts."""

    column: Any
    leaves: list[shape.Leaf]
    starts: list[int]
    names: int | None = None
    """Index of the column that names the elements of this one."""
    field: str = ""
    """Name of the column."""

    def codes(self, texts: Texts, leaf: int) -> NDArray[np.int32]:
        """Return the codes of the text of *leaf*."""
        start = self.starts[leaf]
        return texts.codes[start : start + len(self.leaves[leaf].values)]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of some columns."""

    changed: dict[int, Any]
    """The columns that are not as they were, by index."""
    marks: Marks
    failed: int
    """Values that could not be judged."""
    touched: NDArray[np.int64]
    """How many texts of each row are not as they were."""


class Work:
    """The texts of some columns of *rows* rows. Add the columns, then `run` once."""

    def __init__(self, protector: Protector, rows: int) -> None:
        self._protector: Final = protector
        self._rows: Final = rows
        self._places: Final[dict[int, Place]] = {}
        self._wanted: Final[list[int]] = []
        self._arrays: Final[list[Any]] = []
        self._length = 0

    def add(self, index: int, column: Any, key: str, field: str) -> None:
        """Take the column at *index*, whose values stand under *key*."""
        self._take(index, self._place(column, key, None, field))

    def add_named(
        self, index: int, column: Any, names: int, of: Any, field: str
    ) -> None:
        """Take the column at *index*, whose elements the list column *of* names."""
        if names not in self._places:
            self._keep(names, self._place(of, "", None, field))
        known = names if names in self._places else None
        self._take(index, self._place(column, "", known, field))

    def _take(self, index: int, place: Place) -> None:
        if self._keep(index, place):
            self._wanted.append(index)

    def _keep(self, index: int, place: Place) -> bool:
        """Keep *place* if there is any value in it; most lists of most are empty."""
        there = any(len(leaf.values) for leaf in place.leaves)
        if there:
            self._places[index] = place
        return there

    def _place(self, column: Any, key: str, names: int | None, field: str) -> Place:
        leaves = shape.flatten(column, key)
        starts = []
        for leaf in leaves:
            starts.append(self._length)
            if pa.types.is_string(leaf.values.type):
                self._arrays.append(leaf.values)
                self._length += len(leaf.values)
        return Place(column, leaves, starts, names, field)

    def run(self, prefilter: Prefilter) -> Done:
        """Judge every text, and put back what becomes of it."""
        if not self._arrays:
            return Done({}, Counter(), 0, np.zeros(self._rows, np.int64))
        texts = Texts(self._protector, prefilter, self._arrays)
        keys = _Keys(texts, self._key_codes(texts))
        new = {}
        for index in self._wanted:
            place = self._places[index]
            new[index] = [
                self._leaf(texts, keys, place, leaf)
                for leaf in range(len(place.leaves))
            ]
        if texts.people:
            persons.spread(
                texts,
                keys.kinds,
                self._places,
                new,
                lambda place, leaf: self._owners(texts, keys, place, leaf),
            )
        words = texts.words()
        changed = {}
        touched = np.zeros(self._rows, np.int64)
        for index, leaves in new.items():
            if all(leaf is None for leaf in leaves):
                continue
            place = self._places[index]
            filled = (
                old.values if leaf is None else _filled(leaf, words)
                for old, leaf in zip(place.leaves, leaves, strict=True)
            )
            changed[index] = shape.rebuild(place.column, filled)
            touched += _touched(texts, place, leaves)
        return Done(changed, texts.marks, texts.failed, touched)

    def _key_codes(self, texts: Texts) -> list[NDArray[np.int32]]:
        """Return the codes of every text that is the key of another value."""
        found = [
            place.codes(texts, leaf - 1)
            for place in self._places.values()
            for leaf in range(len(place.leaves))
            if place.leaves[leaf].keyed
        ]
        names = {place.names for place in self._places.values()} - {None}
        return found + [self._places[n].codes(texts, 0) for n in names if n is not None]

    def _owners(
        self, texts: Texts, keys: _Keys, place: Place, at: int
    ) -> NDArray[np.int32] | None:
        """Return the code of the key of each value of a leaf, -1 for none.

        None: all stand under the key of the leaf itself.
        """
        if place.leaves[at].keyed:
            return place.codes(texts, at - 1)
        if place.names is None:
            return None
        names = self._places[place.names]
        of = names.codes(texts, 0)
        if not (keys.kinds[of] != PLAIN).any():
            return None
        cycle = shape.cycle(names.column, place.column)
        return np.where(cycle < 0, np.int32(-1), of[cycle])

    def _leaf(self, texts: Texts, keys: _Keys, place: Place, at: int) -> Any:
        """Return new codes or a new array for a leaf of *place*; None: unchanged."""
        leaf = place.leaves[at]
        of = self._owners(texts, keys, place, at)
        if not pa.types.is_string(leaf.values.type):
            return (
                None
                if of is None
                else _numbers(texts, keys, of, leaf.values, place.field)
            )
        codes = place.codes(texts, at)
        new = _judged(texts, keys, leaf.key, of, codes, place.field)
        if leaf.offsets is not None and of is not None:
            new = _row_wise(texts, keys, leaf.offsets, of, codes, new, place.field)
        return new


class _Keys:
    """What each text is as a key. Index -1 stands for no key at all."""

    def __init__(self, texts: Texts, codes: list[NDArray[np.int32]]) -> None:
        self.kinds: Final = np.zeros(texts.size + 1, np.int8)
        used = np.zeros(texts.size, np.bool_)
        for part in codes:
            used[part] = True
        self.code_of: Final[dict[str, int]] = {}
        for code in np.flatnonzero(used).tolist():
            key = texts[code] or ""
            self.kinds[code] = texts.kind(key)
            if key in parallel.KEYS:
                self.code_of[key] = code


def _touched(texts: Texts, place: Place, leaves: list[Any]) -> NDArray[np.int64]:
    """Return how many texts of each row of a column are not as they were."""
    touched = np.zeros(len(place.column), np.int64)
    for at, (of, leaf) in enumerate(zip(shape.rows(place.column), leaves, strict=True)):
        if isinstance(leaf, np.ndarray):
            changed = of[leaf != place.codes(texts, at)]
            touched += np.bincount(changed, minlength=len(touched))
    return touched


def _filled(leaf: Any, words: Any) -> Any:
    return words.take(pa.array(leaf)) if isinstance(leaf, np.ndarray) else leaf


def _judged(
    texts: Texts,
    keys: _Keys,
    key: str,
    of: NDArray[np.int32] | None,
    codes: NDArray[np.int32],
    field: str,
) -> NDArray[np.int32] | None:
    """Return *codes* after the rules, or None when nothing changes.

    Each value stands under the key with the code in *of*, or all stand under *key*.
    """
    kinds = texts.kind(key) if of is None else keys.kinds[of]
    at = texts.suspects(codes, kinds)
    if not len(at):
        return None
    owners = np.full(len(at), -1, np.int64) if of is None else of[at].astype(np.int64)
    pairs = (owners + 1) * texts.size + codes[at]
    unique, inverse, times = np.unique(pairs, return_inverse=True, return_counts=True)
    owner, old = np.divmod(unique, texts.size)
    names = {n: (texts[n - 1] or "") if n else key for n in set(owner.tolist())}
    new = old.astype(np.int32)
    left = np.ones(len(unique), np.bool_)
    for number, name in names.items():
        mine = np.flatnonzero(owner == number)
        if texts.kind(name) == IDENTIFIER:
            made = texts.tokens(name, old[mine], times[mine], field)
            if made is not None:
                plain, codes_made = made
                new[mine[plain]] = codes_made
                left[mine[plain]] = False
    # by the unique pair of key and suspicious text, which are few
    rest = np.flatnonzero(left)
    rest = rest[texts.alike(old[rest])]
    for i, number, code, text, n in zip(
        rest.tolist(),
        owner[rest].tolist(),
        old[rest].tolist(),
        texts.listed(old[rest]),
        times[rest].tolist(),
        strict=True,
    ):
        if text:
            new[i] = texts.rewritten(names[number], code, text, n, field)
    if (new == old).all():
        return None
    changed = codes.copy()
    changed[at] = new[inverse]
    return changed


def _numbers(
    texts: Texts, keys: _Keys, of: NDArray[np.int32], values: Any, field: str
) -> Any | None:
    """Return *values*, floats, without those under the keys *of* that tell too much."""
    at = np.flatnonzero(keys.kinds[of] == IDENTIFIER)
    if not len(at):
        return None
    numbers = values.to_numpy(zero_copy_only=False).copy()
    for code in np.unique(of[at]).tolist():
        key = texts[code] or ""
        limit = texts.protector.number(key, math.inf)
        mine = at[of[at] == code]
        low = math.nan if limit is None else limit
        new = np.minimum(numbers[mine], low)
        touched = int((new != numbers[mine]).sum() - np.isnan(numbers[mine]).sum())
        action = "drop" if limit is None else "cap"
        cls = texts.protector.classify_key(key) or ""
        texts.marks[cls, action, "key", field] += touched
        numbers[mine] = new
    return pa.array(numbers, mask=values.is_null().to_numpy(zero_copy_only=False))


def _row_wise(
    texts: Texts,
    keys: _Keys,
    offsets: NDArray[np.int32],
    of: NDArray[np.int32],
    codes: NDArray[np.int32],
    new: NDArray[np.int32] | None,
    field: str,
) -> NDArray[np.int32] | None:
    """Judge arrays in a map by the names in the same map; see `parallel`."""
    for values_key, names_key in parallel.NAMES_OF.items():
        values, names = keys.code_of.get(values_key), keys.code_of.get(names_key)
        if values is None or names is None:
            continue
        named = np.flatnonzero(of == names)
        telling = [
            code
            for code in np.unique(codes[named]).tolist()
            if parallel.tells(texts.protector, texts[code])
        ]
        named = named[np.isin(codes[named], telling)]
        if not len(named):
            continue
        new = codes.copy() if new is None else new
        row_of = np.searchsorted(offsets, np.arange(len(of)), side="right")
        told = dict(zip(row_of[named].tolist(), codes[named].tolist(), strict=True))
        # by the row: only calls whose names tell an identifier come here
        for at in np.flatnonzero(of == values).tolist():
            if (code := told.get(int(row_of[at]))) is not None:
                old = texts[int(codes[at])] or ""
                cleaned = parallel.judged(texts.protector, texts[code], old)
                if cleaned != old:
                    texts.marks["DATA", "redact", "key", field] += 1
                    new[at] = texts.code(cleaned)
    return new
