"""Outcomes joined to predictions, and what they say of a model; service metrics."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from algovigil_processor.schema.fields import (
    FINDING_HEAD,
    FLOATS,
    STRING_MAP,
    TEXT,
    TEXTS,
    TIME,
    column,
    safe,
)

JOINED: Final = pa.schema(
    [
        column("model_name", TEXT, "key:medical_ai.model.name"),
        column("model_version", TEXT, "key:medical_ai.model.version"),
        column("made", TIME),
        column("prediction_key", pa.uint64()),
        column("inference_id", TEXT),
        column("row", pa.uint32()),
        column("predicted", TEXT, "key:medical_ai.prediction.label"),
        column("score", pa.float64()),
        column("predicted_number", pa.float64()),
        column("row_weight", pa.float64()),
        column("site", TEXT, "key:medical_ai.site"),
        column("device", TEXT, "key:medical_ai.device"),
        column("subgroup", STRING_MAP),
        column("age", pa.float64()),
        safe("joined_by"),
        column("joined", TIME),
        column("outcome_key", pa.uint64()),
        column("version_key", pa.uint64()),
        column("outcome_id", TEXT),
        column("outcome_type", TEXT),
        column("found", TIME),
        column("received", TIME),
        column("actual", TEXT, "key:medical_ai.outcome.actual"),
        column("alert_shown", pa.bool_()),
        column("acted_on", pa.bool_()),
        column("treatment", TEXT, "key:medical_ai.outcome.treatment"),
    ]
)

CLINICAL: Final = pa.schema(
    [
        *FINDING_HEAD,
        safe("plan_version"),
        column("as_of", TIME),
        safe("metric"),
        column("subgroup_key", TEXT, "key:medical_ai.subgroup"),
        column("subgroup_value", TEXT, "key:medical_ai.subgroup"),
        column("value", pa.float64()),
        column("lower", pa.float64()),
        column("upper", pa.float64()),
        column("numerator", pa.float64()),
        column("denominator", pa.float64()),
        column("n", pa.uint64()),
        column("inferences", pa.float64()),
        column("labelled", pa.float64()),
        column("completeness", pa.float64()),
        column("p_adjusted", pa.float64()),
        safe("reference"),
        column("reference_value", pa.float64()),
        safe("method"),
        safe("method_version"),
        safe("caveat"),
        safe("status"),
    ]
)

SERVICE: Final = pa.schema(
    [
        *FINDING_HEAD,
        safe("metric"),
        column("value", pa.float64()),
        column("samples", pa.uint64()),
        safe("status"),
    ]
)

CALIBRATIONS: Final = pa.schema(
    [
        safe("reference_id"),
        column("created", TIME),
        column("model_name", TEXT, "key:medical_ai.model.name"),
        column("model_version", TEXT, "key:medical_ai.model.version"),
        column("since", TIME),
        column("until", TIME),
        column("prevalence", pa.float64()),
        column("scores", FLOATS),
        column("positive", pa.list_(pa.bool_())),
        column("columns", TEXTS, "key:medical_ai.feature.names"),
        column("matrix", FLOATS),
    ]
)

ESTIMATES: Final = pa.schema(
    [
        *FINDING_HEAD,
        safe("plan_version"),
        safe("reference_id"),
        safe("metric"),
        column("value", pa.float64()),
        column("lower", pa.float64()),
        column("upper", pa.float64()),
        column("n", pa.uint64()),
        column("outside", pa.float64()),
        column("outside_lower", pa.float64()),
        column("domain_auroc", pa.float64()),
        column("concept_p", pa.float64()),
        column("realised", pa.float64()),
        column("realised_lower", pa.float64()),
        column("realised_upper", pa.float64()),
        column("completeness", pa.float64()),
        safe("method"),
        safe("method_version"),
        safe("reason"),
        safe("status"),
    ]
)

PLANS: Final = pa.schema(
    [
        column("timestamp", TIME),
        safe("plan_version"),
        column("title", TEXT),
        column("owner", TEXT),
        column("plan", TEXT),
    ]
)
