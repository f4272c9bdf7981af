"""Clinical and service metrics."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from algovigil_processor.schema.fields import (
    FINDING_HEAD,
    column,
    safe,
)

CLINICAL: Final = pa.schema(
    [
        *FINDING_HEAD,
        safe("metric"),
        column("value", pa.float64()),
        column("lower", pa.float64()),
        column("upper", pa.float64()),
        column("numerator", pa.uint64()),
        column("denominator", pa.uint64()),
        column("inferences", pa.uint64()),
        column("labelled", pa.uint64()),
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
