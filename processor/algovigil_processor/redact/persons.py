"""The second pass of a record: a person named in one field is masked in its others.

Invariant: only rows in which a name was found are looked at again, and there only text
under keys that are not about machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from algovigil.phi import applied
from algovigil.phi.people import People
from algovigil_processor.redact import columns as shape
from algovigil_processor.redact.texts import SAFE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    from algovigil_processor.redact.texts import Texts
    from algovigil_processor.redact.work import Place

    Owners: TypeAlias = Callable[[Place, int], NDArray[np.int32] | None]
    """The code of the key of each value of a leaf; None: the leaf's own."""


def spread(
    texts: Texts,
    kinds: NDArray[np.int8],
    places: Mapping[int, Place],
    new: dict[int, list[Any]],
    owners: Owners,
) -> None:
    """Put into *new*, leaves by column, what becomes of persons of the same row."""
    rows_of = {index: shape.rows(places[index].column) for index in new}
    named = _named(texts, places, rows_of, owners)
    if not named:
        return
    is_named = np.zeros(max(len(places[i].column) for i in new), np.bool_)
    is_named[list(named)] = True
    wanted = {row: (again, _needles(again)) for row, again in named.items()}
    words = texts.words()
    for index, leaves in new.items():
        place = places[index]
        for at, leaf in enumerate(place.leaves):
            if not pa.types.is_string(leaf.values.type):
                continue
            here = rows_of[index][at]
            where = np.flatnonzero(is_named[here])
            if leaf.keyed:
                of = kinds[place.codes(texts, at - 1)[where]]
                where = where[of != SAFE]
            elif texts.kind(leaf.key) == SAFE:
                continue
            old = leaves[at]
            codes = place.codes(texts, at) if old is None else old
            changed = _changed(texts, words, wanted, here, where, codes, place.field)
            if changed:
                codes = codes.copy()
                codes[list(changed)] = list(changed.values())
                leaves[at] = codes


def _named(
    texts: Texts,
    places: Mapping[int, Place],
    rows_of: Mapping[int, list[NDArray[np.int64]]],
    owners: Owners,
) -> dict[int, People]:
    """Return the persons that each row names."""
    named: dict[int, People] = {}
    telling = np.zeros(texts.size, np.bool_)
    telling[list(texts.people)] = True
    for index, rows in rows_of.items():
        place = places[index]
        for at, leaf in enumerate(place.leaves):
            if not pa.types.is_string(leaf.values.type):
                continue
            codes = place.codes(texts, at)
            of = owners(place, at)
            for i in np.flatnonzero(telling[codes]).tolist():
                key = leaf.key
                if of is not None and of[i] >= 0:
                    key = texts[int(of[i])] or ""
                # the same text under another key names nobody
                more = texts.people[int(codes[i])].get(key)
                if more is None:
                    continue
                row = int(rows[at][i])
                had = named.get(row)
                named[row] = more if had is None else _joined(had, more)
    return named


def _joined(one: People, other: People) -> People:
    return People(one.words | other.words, one.pairs | other.pairs)


def _changed(
    texts: Texts,
    words: Any,
    wanted: Mapping[int, tuple[People, frozenset[str]]],
    rows: NDArray[np.int64],
    where: NDArray[np.int64],
    codes: NDArray[np.int32],
    field: str,
) -> dict[int, int]:
    """Return the positions of *where* whose text names a person of its row."""
    found: dict[int, int] = {}
    unique, inverse = np.unique(codes[where], return_inverse=True)
    listed = words.take(pa.array(unique)).to_pylist()
    lower = [(text or "").lower() for text in listed]
    # by the value: only rows that name a person come here
    for i, row, at in zip(
        where.tolist(), rows[where].tolist(), inverse.tolist(), strict=True
    ):
        again, needles = wanted[row]
        if not any(map(lower[at].__contains__, needles)):
            continue
        text = listed[at]
        spans = texts.protector.spread(again, text)
        if spans:
            for span in spans:
                texts.marks[span.cls, span.action, span.rule, field] += 1
            found[i] = texts.code(applied(text, spans))
    return found


def _needles(again: People) -> frozenset[str]:
    return again.words | {first for first, _ in again.pairs}
