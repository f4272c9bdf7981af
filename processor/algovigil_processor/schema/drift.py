"""Reference profiles, and how far later data is from them."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from algovigil_processor.schema.fields import (
    COUNTS,
    FINDING_HEAD,
    FLOATS,
    TEXT,
    TEXTS,
    TIME,
    column,
    safe,
)

REFERENCES: Final = pa.schema(
    [
        column("reference_id", TEXT, "safe"),
        column("created", TIME),
        column("model_name", TEXT, "key:medical_ai.model.name"),
        column("model_version", TEXT, "key:medical_ai.model.version"),
        column("feature", TEXT, "key:medical_ai.feature.names"),
        safe("kind"),
        column("rows", pa.uint64()),
        column("missing", pa.uint64()),
        column("edges", FLOATS),
        column("levels", TEXTS),
        column("counts", COUNTS),
        column("sample", FLOATS),
        column("provisional", pa.bool_()),
    ]
)

DRIFT: Final = pa.schema(
    [
        *FINDING_HEAD,
        safe("reference_id"),
        column("feature", TEXT, "key:medical_ai.feature.names"),
        safe("method"),
        column("statistic", pa.float64()),
        column("p_value", pa.float64()),
        column("p_adjusted", pa.float64()),
        column("threshold", pa.float64()),
        column("rows_reference", pa.uint64()),
        column("rows_current", pa.uint64()),
        safe("status"),
    ]
)
