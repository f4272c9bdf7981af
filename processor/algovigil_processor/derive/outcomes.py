"""Log records `medical_ai.outcome` to `outcomes`: what turned out to be true.

Invariant: a record that has an id or a time gives the same outcome id however often
it is sent, so a repetition is another version of one outcome and never a second.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil import semconv
from algovigil_processor.schema import SCHEMAS, TEXT, TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TEXTS: Final = {
    "outcome_type": semconv.OUTCOME_TYPE,
    "inference_id": semconv.OUTCOME_INFERENCE_ID,
    "patient_id": semconv.PATIENT_ID,
    "model_name": semconv.MODEL_NAME,
    "model_version": semconv.MODEL_VERSION,
    "predicted_value": semconv.OUTCOME_PREDICTED,
    "actual_value": semconv.OUTCOME_ACTUAL,
    "treatment": semconv.OUTCOME_TREATMENT,
    "treatment_outcome": semconv.OUTCOME_TREATMENT_OUTCOME,
    "severity": semconv.OUTCOME_SEVERITY,
}
_NUMBERS: Final = {
    "confidence_score": semconv.OUTCOME_CONFIDENCE,
    "treatment_effectiveness": semconv.OUTCOME_TREATMENT_EFFECTIVENESS,
    "followup_days": semconv.OUTCOME_FOLLOWUP_DAYS,
}
_BOOLEANS: Final = {
    "alert_shown": semconv.OUTCOME_ALERT_SHOWN,
    "acted_on": semconv.OUTCOME_ACTED_ON,
    "event_observed": semconv.OUTCOME_EVENT_OBSERVED,
    "reported": semconv.OUTCOME_REPORTED,
}
_NUMBER: Final = r"^-?[0-9]{1,300}(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"
_TRACE_ID: Final = r"^[0-9a-f]{32}$"
_OUTCOME_ID: Final = r"^[!-~]{1,128}$"


def outcomes(logs: pa.RecordBatch, policy: str, received_ns: int) -> pa.RecordBatch:
    """Return the outcomes among *logs*, rows of `otel_logs`."""
    chosen = pc.equal(logs.column("EventName"), semconv.EVENT_OUTCOME)
    records = logs.filter(chosen)
    if not records.num_rows:
        return pa.RecordBatch.from_pylist([], SCHEMAS["outcomes"])
    attributes = records.column("LogAttributes")
    columns: dict[str, Any] = {
        name: _text(attributes, key) for name, key in _TEXTS.items()
    }
    columns |= {name: _number(_text(attributes, k)) for name, k in _NUMBERS.items()}
    columns |= {name: _boolean(_text(attributes, k)) for name, k in _BOOLEANS.items()}
    columns["timestamp"] = records.column("Timestamp")
    columns["trace_id"] = _trace_id(records, columns)
    columns["outcome_id"] = _ids(_text(attributes, semconv.OUTCOME_ID), columns)
    received = pa.scalar(received_ns, pa.int64()).cast(TIME)
    columns["received"] = pa.repeat(received, records.num_rows)
    columns["policy"] = pa.repeat(pa.scalar(policy, TEXT), records.num_rows)
    schema = SCHEMAS["outcomes"]
    return pa.RecordBatch.from_arrays(
        [columns[name] for name in schema.names], schema=schema
    )


def _text(attributes: pa.MapArray, key: str) -> pa.StringArray:
    return pc.map_lookup(attributes, key, "last").fill_null("")


def _number(texts: pa.StringArray) -> pa.DoubleArray:
    """Return finite numbers; null for every other text."""
    good = pc.match_substring_regex(texts, _NUMBER)
    value = pc.if_else(good, texts, pa.scalar(None, TEXT)).cast(pa.float64())
    return pc.if_else(pc.is_finite(value), value, pa.scalar(None, pa.float64()))


def _boolean(texts: pa.StringArray) -> pa.BooleanArray:
    lower = pc.utf8_lower(texts)
    known = pc.is_in(lower, value_set=pa.array(["true", "false"]))
    return pc.if_else(known, pc.equal(lower, "true"), pa.scalar(None, pa.bool_()))


def _trace_id(records: pa.RecordBatch, columns: dict[str, Any]) -> pa.StringArray:
    """Return the trace that the outcome names.

    A record that names nothing at all belongs to the trace it was written in.
    """
    attributes = records.column("LogAttributes")
    said = pc.utf8_lower(_text(attributes, semconv.OUTCOME_TRACE_ID))
    stated = pc.if_else(pc.match_substring_regex(said, _TRACE_ID), said, "")
    nothing = pc.and_(
        pc.equal(said, ""),
        pc.and_(
            pc.equal(columns["inference_id"], ""), pc.equal(columns["patient_id"], "")
        ),
    )
    return pc.if_else(nothing, records.column("TraceId"), stated)


def _ids(stated: pa.StringArray, columns: dict[str, Any]) -> pa.StringArray:
    """Return the stated ids; where there is none, a digest of what was reported."""
    bad = ~_numpy(pc.match_substring_regex(stated, _OUTCOME_ID)).astype(np.bool_)
    if not bad.any():
        return stated
    where = pa.array(bad)
    parts = [columns[name].filter(where).cast(TEXT) for name in sorted(columns)]
    # lengths before texts, so that no two outcomes can be spelt alike
    sizes = [pc.binary_length(p.fill_null("")).cast(TEXT) for p in parts]
    whole = pc.binary_join_element_wise(
        *sizes, *parts, ",", null_handling="replace", null_replacement=""
    )
    coded = whole.dictionary_encode()
    digests = [
        f"o-{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"
        for text in coded.dictionary.to_pylist()
    ]
    made = pa.array(digests, TEXT).take(coded.indices)
    return pc.replace_with_mask(stated, where, made)


def _numpy(column: pa.Array) -> NDArray[Any]:
    return column.to_numpy(zero_copy_only=False)
