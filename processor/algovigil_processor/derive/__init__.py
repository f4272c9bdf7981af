"""Ours from theirs: prediction rows out of calls, outcomes out of log records.

Invariant: sealed in, sealed out, under the same policy; every call gives at least the
rows that are unambiguous, and each call whose arrays do not fit is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from algovigil_processor.derive.inferences import inferences
from algovigil_processor.derive.outcomes import outcomes
from algovigil_processor.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil_processor.batch import Batch
    from algovigil_processor.telemetry import Telemetry

__all__ = ["derive"]


def derive(batches: Sequence[Batch], telemetry: Telemetry) -> tuple[Batch, ...]:
    """Return *batches* with calls turned into inferences, and outcomes added.

    Raises:
        Permanent: a batch is not sealed: what was not redacted is not spread further.

    """
    derived: list[Batch] = []
    for batch in batches:
        if batch.policy is None:
            raise Permanent(f"{batch.table}: an unsealed batch cannot be derived from")
        if batch.table == "calls":
            rows, misfits = inferences(batch.rows, batch.policy)
            if misfits:
                telemetry.count("derive.rejected", misfits)
            derived.append(batch.derived("inferences", rows))
            continue
        derived.append(batch)
        if batch.table == "otel_logs":
            rows = outcomes(batch.rows, batch.policy, batch.origin.received_ns)
            derived.append(batch.derived("outcomes", rows))
    return tuple(batch for batch in derived if batch.rows.num_rows)
