"""What columns are made of: Arrow types, and the note that tells `redact` of each."""

from __future__ import annotations

from typing import Final

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


FINDING_HEAD: Final = (
    column("timestamp", TIME),
    column("model_name", TEXT, "key:medical_ai.model.name"),
    column("model_version", TEXT, "key:medical_ai.model.version"),
    column("window_start", TIME),
    column("window_end", TIME),
)
"""How every finding begins: when, of which version, over which window."""
