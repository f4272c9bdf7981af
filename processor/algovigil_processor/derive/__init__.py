"""Ours from theirs: prediction rows out of calls, outcomes out of log records.

Predictions are counted into the bins of their reference on the way.

Invariant: sealed in, sealed out, under the same policy; every call gives at least the
rows that are unambiguous, and each call whose arrays do not fit is counted.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from algovigil_processor.derive.bins import binned
from algovigil_processor.derive.inferences import inferences
from algovigil_processor.derive.outcomes import outcomes
from algovigil_processor.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from algovigil_processor.batch import Batch
    from algovigil_processor.bins import Pins
    from algovigil_processor.telemetry import Telemetry

__all__ = ["derive"]


def derive(
    batches: Sequence[Batch],
    telemetry: Telemetry,
    active: Mapping[tuple[str, str], Pins] = MappingProxyType({}),
    bucket_seconds: int = 60,
) -> tuple[Batch, ...]:
    """Return *batches* with calls turned into inferences, and outcomes added.

    Predictions of a model and version that *active* has a reference for are counted
    into its bins, by buckets of *bucket_seconds*.

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
            rows, counts = binned(rows, active, bucket_seconds)
            derived.append(batch.derived("inferences", rows))
            derived += [batch.derived("bin_counts", part) for part in counts]
            continue
        derived.append(batch)
        if batch.table == "otel_logs":
            rows = outcomes(batch.rows, batch.policy, batch.origin.received_ns)
            derived.append(batch.derived("outcomes", rows))
    return tuple(batch for batch in derived if batch.rows.num_rows)
