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

_VERSION: Final = (
    column("model_name", TEXT, "key:medical_ai.model.name"),
    column("model_version", TEXT, "key:medical_ai.model.version"),
)
_SUBGROUP: Final = (
    column("subgroup_key", TEXT, "key:medical_ai.subgroup"),
    column("subgroup_value", TEXT, "key:medical_ai.subgroup"),
)
"""'' and '' is everyone."""

REFERENCES: Final = pa.schema(
    [
        safe("reference_id"),
        column("created", TIME),
        *_VERSION,
        safe("source"),
        column("provisional", pa.bool_()),
        column("since", TIME),
        *_SUBGROUP,
        column("feature", TEXT, "key:medical_ai.feature.names"),
        safe("kind"),
        column("unit", TEXT),
        column("first_code", pa.uint32()),
        column("rows", pa.uint64()),
        column("missing", pa.uint64()),
        column("edges", FLOATS),
        column("levels", TEXTS),
        column("counts", COUNTS),
        column("sample", FLOATS),
    ]
)

REFERENCE_EVENTS: Final = pa.schema(
    [
        column("timestamp", TIME),
        *_VERSION,
        safe("reference_id"),
        safe("event"),
        column("hour", pa.timestamp("s", "UTC")),
        safe("under"),
    ]
)

BIN_COUNTS: Final = pa.schema(
    [
        *_VERSION,
        safe("reference_id"),
        *_SUBGROUP,
        column("bucket", pa.timestamp("s", "UTC")),
        column("counts", pa.map_(pa.uint32(), pa.uint64())),
    ]
)

DRIFT: Final = pa.schema(
    [
        *FINDING_HEAD,
        safe("reference_id"),
        safe("plan_version"),
        *_SUBGROUP,
        column("feature", TEXT, "key:medical_ai.feature.names"),
        safe("method"),
        column("statistic", pa.float64()),
        column("p_value", pa.float64()),
        column("p_adjusted", pa.float64()),
        column("threshold", pa.float64()),
        column("rows_reference", pa.uint64()),
        column("rows_current", pa.uint64()),
        safe("status"),
        safe("severity"),
    ]
)

DRIFT_CHANGES: Final = pa.schema(
    [
        *FINDING_HEAD,
        safe("reference_id"),
        column("feature", TEXT, "key:medical_ai.feature.names"),
        column("changed", TIME),
        column("earliest", TIME),
        column("latest", TIME),
        column("statistic", pa.float64()),
        column("p_value", pa.float64()),
        safe("cause"),
        column("cause_value", TEXT, "key:medical_ai.subgroup"),
        column("cause_time", TIME),
    ]
)

RETRAINING: Final = pa.schema(
    [
        column("timestamp", TIME),
        safe("request_id"),
        *_VERSION,
        safe("reference_id"),
        column("finding_time", TIME),
        column("features", TEXTS, "key:medical_ai.feature.names"),
        column("statistic", pa.float64()),
        column("p_adjusted", pa.float64()),
        column("changed", TIME),
        safe("cause"),
        column("cause_value", TEXT, "key:medical_ai.subgroup"),
    ]
)
