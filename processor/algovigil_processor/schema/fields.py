"""What columns are made of: Arrow types, and the note that tells `redact` of each."""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np
import pyarrow as pa

TEXT: Final = pa.string()
TIME: Final = pa.timestamp("ns", "UTC")
STRING_MAP: Final = pa.map_(TEXT, TEXT)
FLOAT_MAP: Final = pa.map_(TEXT, pa.float64())
TEXTS: Final = pa.list_(TEXT)
FLOATS: Final = pa.list_(pa.float64())
COUNTS: Final = pa.list_(pa.uint64())


def column(name: str, kind: pa.DataType, phi: str = "") -> pa.Field:
    """Return a column; *phi* says what it is to `redact`, '' free text."""
    return pa.field(name, kind, metadata={"phi": phi} if phi else None)


def safe(name: str, kind: pa.DataType = TEXT) -> pa.Field:
    """Return a column of a closed vocabulary of ours, or of hex ids."""
    return column(name, kind, "safe")


@functools.lru_cache(maxsize=64)
def empty(kind: pa.DataType, rows: int) -> Any:
    """Return an empty list, or map, of *kind* for each of *rows* rows.

    Most senders leave most of them out, so they are kept.
    """
    offsets = pa.py_buffer(np.zeros(rows + 1, np.int32))
    inside = (
        kind.value_type
        if pa.types.is_list(kind)
        else pa.struct([kind.key_field, kind.item_field])
    )
    children = [pa.array([], inside)]
    return pa.Array.from_buffers(kind, rows, [None, offsets], children=children)


FINDING_HEAD: Final = (
    column("timestamp", TIME),
    column("model_name", TEXT, "key:medical_ai.model.name"),
    column("model_version", TEXT, "key:medical_ai.model.version"),
    column("window_start", TIME),
    column("window_end", TIME),
)
"""How every finding begins: when, of which version, over which window."""
