"""Predictions counted into the bins of the reference in force, as they arrive.

Invariant: a row that carries a reference's id is in the bins of that reference, or is
one that none counts: a failed call, or a row of the reference itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil_processor.bins import count
from algovigil_processor.schema import TEXT, TIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from algovigil_processor.bins import Pins


def binned(
    rows: pa.RecordBatch,
    active: Mapping[tuple[str, str], Pins],
    bucket_seconds: int,
) -> tuple[pa.RecordBatch, list[pa.RecordBatch]]:
    """Return *rows* of `inferences` with the id of their reference, and their counts.

    *active* are the references in force by model and version.
    """
    if not active:
        return rows, []
    ids = np.full(rows.num_rows, "", dtype=object)
    counts = []
    for (model, version), at in _versions(rows):
        pins = active.get((model, version))
        if pins is None:
            continue
        ids[at] = pins.reference_id
        whole = rows if at.size == rows.num_rows else rows.take(pa.array(at))
        after = pa.scalar(pins.since_ns, pa.int64()).cast(TIME)
        counting = whole.filter(
            pc.and_(
                pc.equal(whole.column("error_type"), ""),
                pc.greater(whole.column("timestamp"), after),
            )
        )
        if counting.num_rows:
            counts.append(count(counting, model, version, pins, bucket_seconds))
    position = rows.schema.get_field_index("reference_id")
    field = rows.schema.field(position)
    return rows.set_column(position, field, pa.array(ids, TEXT)), counts


def _versions(
    rows: pa.RecordBatch,
) -> Iterator[tuple[tuple[str, str], np.ndarray[tuple[int], np.dtype[np.intp]]]]:
    """Yield each model and version of *rows*, and where its rows are."""
    models = rows.column("model_name").fill_null("").dictionary_encode()
    versions = rows.column("model_version").fill_null("").dictionary_encode()
    names = models.dictionary.to_pylist()
    numbers = versions.dictionary.to_pylist()
    pairs = models.indices.to_numpy() * len(numbers) + versions.indices.to_numpy()
    for pair in np.unique(pairs).tolist():
        model, version = divmod(pair, len(numbers))
        yield (names[model], numbers[version]), np.flatnonzero(pairs == pair)
