"""What became of alerts, and of their messages."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from algovigil_processor.schema.fields import (
    TEXT,
    TIME,
    column,
    safe,
)

CHANGES: Final = pa.schema(
    [
        column("timestamp", TIME),
        safe("kind"),
        column("name", TEXT, "key:algovigil.rule"),
        safe("action"),
        column("actor", TEXT, "key:algovigil.actor"),
        column("before", TEXT, "key:algovigil.change"),
        column("after", TEXT, "key:algovigil.change"),
        column("starts", TIME),
        column("ends", TIME),
    ]
)

ALERTS: Final = pa.schema(
    [
        column("timestamp", TIME),
        safe("incident_id"),
        column("rule", TEXT, "key:algovigil.rule"),
        column("model_name", TEXT, "key:medical_ai.model.name"),
        column("model_version", TEXT, "key:medical_ai.model.version"),
        column("site", TEXT, "key:medical_ai.site"),
        column("subgroup", TEXT, "key:medical_ai.subgroup"),
        safe("severity"),
        safe("state_from"),
        safe("state_to"),
        column("value", pa.float64()),
        safe("reason"),
        column("actor", TEXT, "key:algovigil.actor"),
    ]
)

DELIVERIES: Final = pa.schema(
    [
        column("timestamp", TIME),
        safe("delivery_id"),
        safe("group_id"),
        column("channel", TEXT, "key:algovigil.channel"),
        safe("event"),
        column("attempt", pa.uint32()),
        column("latency_ms", pa.float64()),
        safe("outcome"),
        column("code", pa.int32()),
        column("retry_at", TIME),
    ]
)
