"""Outcomes beside their predictions, each version of an outcome joined once.

Nothing is overwritten: a correction is joined as a row of its own, so that what was
known at any time can be counted again. A tick in which nothing came reads nothing but
row counts from the tables' metadata.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from algovigil_processor.analyse.findings import Found
from algovigil_processor.analyse.store import read, rows
from algovigil_processor.schema import SCHEMAS
from algovigil_processor.schema.fields import TIME

if TYPE_CHECKING:
    from algovigil.config import Clinical as ClinicalConfig
    from algovigil_processor.analyse.store import Store

_SCHEMA: Final = SCHEMAS["joined_outcomes"]
_AT_ONCE: Final = 100_000
"""Outcomes that one tick joins at most, newest first; the rest waits for the next."""
_TIMES: Final = {"made": "made_ns", "found": "found_ns", "received": "received_ns"}


class Join:
    """Join what came since the last tick, and what had no prediction then."""

    def __init__(self, store: Store, config: ClinicalConfig) -> None:
        self._store = store
        self._horizon_ns = int(config.join_horizon * 1e9)
        self._skew_ns = int(config.clock_skew * 1e9)
        self._seen: tuple[int, int] | None = None

    def __call__(self, now_ns: int) -> Found:
        """Return new rows of `joined_outcomes`."""
        counts = rows(self._store, "counts")[0]
        seen = counts["outcomes"], counts["inferences"]
        if seen == self._seen:
            return Found()
        joined = read(
            self._store,
            "join",
            now_ns=now_ns,
            since_ns=max(now_ns - self._horizon_ns, 0),
            skew_ns=self._skew_ns,
            limit=_AT_ONCE,
        )
        self._seen = seen
        return Found(table=_record(joined, now_ns))


def _record(joined: pa.Table, now_ns: int) -> pa.RecordBatch:
    joined = joined.combine_chunks()
    size = joined.num_rows
    arrays = []
    for field in _SCHEMA:
        if field.name == "joined":
            now = pa.scalar(now_ns, pa.int64()).cast(TIME)
            arrays.append(pa.repeat(now, size))
            continue
        column = joined.column(_TIMES.get(field.name, field.name))
        chunk = column.combine_chunks() if size else pa.array([], column.type)
        if pa.types.is_dictionary(chunk.type):
            chunk = chunk.dictionary_decode()
        arrays.append(chunk.cast(field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)
