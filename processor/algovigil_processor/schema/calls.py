"""Calls of models, the predictions they made, and what turned out to be true."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from algovigil_processor.schema.fields import (
    FLOAT_MAP,
    FLOATS,
    STRING_MAP,
    TEXT,
    TEXTS,
    TIME,
    column,
    safe,
)

_WHO: Final = (
    safe("trace_id"),
    safe("span_id"),
    column("service_name", TEXT, "key:service.name"),
    column("model_name", TEXT, "key:medical_ai.model.name"),
    column("model_version", TEXT, "key:medical_ai.model.version"),
    column("framework", TEXT, "key:medical_ai.model.framework"),
    column("operation", TEXT, "key:medical_ai.operation"),
    column("site", TEXT, "key:medical_ai.site"),
    column("device", TEXT, "key:medical_ai.device"),
    column("patient_id", TEXT, "key:medical_ai.patient.id"),
    column("encounter_id", TEXT, "key:medical_ai.encounter.id"),
    column("error_type", TEXT, "key:error.type"),
    column("peak_memory_bytes", pa.float64()),
    column("energy_j", pa.float64()),
)

CALLS: Final = pa.schema(
    [
        column("timestamp", TIME),
        column("duration_ms", pa.float64()),
        *_WHO,
        column("inference_id", TEXT, "key:medical_ai.inference.id"),
        column("rows", pa.int64()),
        column("row_weight", pa.float64()),
        column("feature_names", TEXTS, "key:medical_ai.feature.names"),
        column("feature_values", FLOATS, "keyed_by:feature_names"),
        column("category_names", TEXTS, "key:medical_ai.category.names"),
        column("category_values", TEXTS, "keyed_by:category_names"),
        column("text_names", TEXTS, "key:medical_ai.text.names"),
        column("text_values", TEXTS, "keyed_by:text_names"),
        column("input_names", TEXTS, "key:medical_ai.input.names"),
        column("input_types", TEXTS, "key:medical_ai.input.types"),
        column("embedding", FLOATS),
        column("labels", TEXTS, "key:medical_ai.prediction.label"),
        column("scores", FLOATS),
        column("values", FLOATS),
        column("class_names", TEXTS, "key:medical_ai.prediction.label"),
        column("class_values", FLOATS),
        column("subgroup", STRING_MAP),
    ]
)

INFERENCES: Final = pa.schema(
    [
        column("inference_id", TEXT),
        column("timestamp", TIME),
        column("row", pa.uint32()),
        *_WHO,
        column("duration_ms", pa.float64()),
        column("label", TEXT),
        column("score", pa.float64()),
        column("value", pa.float64()),
        column("class_scores", FLOAT_MAP),
        column("features", FLOAT_MAP),
        column("missing", TEXTS),
        column("categories", STRING_MAP),
        column("texts", STRING_MAP),
        column("inputs", STRING_MAP),
        column("embedding", FLOATS),
        column("subgroup", STRING_MAP),
        column("row_weight", pa.float64()),
        safe("reference_id"),
        column("policy", TEXT),
    ]
)

OUTCOMES: Final = pa.schema(
    [
        column("outcome_id", TEXT),
        column("timestamp", TIME),
        column("received", TIME),
        column("outcome_type", TEXT),
        column("inference_id", TEXT),
        safe("trace_id"),
        column("patient_id", TEXT),
        column("model_name", TEXT),
        column("model_version", TEXT),
        column("predicted_value", TEXT),
        column("actual_value", TEXT),
        column("confidence_score", pa.float64()),
        column("treatment", TEXT),
        column("treatment_outcome", TEXT),
        column("treatment_effectiveness", pa.float64()),
        column("alert_shown", pa.bool_()),
        column("acted_on", pa.bool_()),
        column("followup_days", pa.float64()),
        column("event_observed", pa.bool_()),
        column("severity", TEXT),
        column("reported", pa.bool_()),
        column("policy", TEXT),
    ]
)
