"""`Recount`: predictions from before a reference was in force, into its bins.

A background job in steps of an hour of data, the newest first. Each hour is stored
under its own token and noted, so that a kill at any moment neither loses nor repeats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from algovigil_processor.analyse.drift.columns import one_batch
from algovigil_processor.analyse.findings import Found
from algovigil_processor.analyse.findings import batch as as_batch
from algovigil_processor.analyse.store import read, rows
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.bins import count

if TYPE_CHECKING:
    import pyarrow as pa

    from algovigil_processor.analyse.drift.reference import Reference
    from algovigil_processor.analyse.drift.references import References
    from algovigil_processor.analyse.findings import Writer
    from algovigil_processor.analyse.store import Store

PAGE_ROWS: Final = 32_768
"""Predictions read at once: bounds the memory."""
STEP_ROWS: Final = 1_000_000
"""Predictions after which a tick lets the others have their turn."""


class Recount:
    """Counts what the references in force do not have yet."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        references: References,
        *,
        bucket_seconds: int,
        history_ns: int,
    ) -> None:
        self._store = store
        self._writer = writer
        self._references = references
        self._bucket_seconds = bucket_seconds
        self._history_ns = history_ns
        self._complete: set[str] = set()

    def __call__(self, now_ns: int) -> Found:
        """Read the references in force, and go on with those that lack rows."""
        failed = self._references.refresh()
        active = self._references.active
        ids = {reference.reference_id for reference in active}
        self._complete &= ids
        if ids - self._complete and self._references.is_settled():
            left = STEP_ROWS
            for reference in active:
                if reference.reference_id not in self._complete and left > 0:
                    left -= self._step(reference, now_ns, left)
        return Found(failed=failed)

    def is_complete(self, reference: Reference) -> bool:
        """Whether every row that *reference* is to count is in its bins."""
        return reference.reference_id in self._complete

    def _step(self, reference: Reference, now_ns: int, most: int) -> int:
        after_ns = max(reference.since_ns, now_ns - self._history_ns)
        hours = rows(
            self._store,
            "drift/uncounted_hours",
            model=reference.version.model,
            version=reference.version.version,
            reference_id=reference.reference_id,
            after_ns=after_ns,
        )
        done = 0
        for hour in hours:
            if done >= most:
                return done
            self._hour(reference, hour["hour"], hour["under"], now_ns)
            done += hour["predictions"]
        self._note(reference, "complete", 0, "", now_ns, [])
        self._complete.add(reference.reference_id)
        return done

    def _hour(self, reference: Reference, hour: int, under: str, now_ns: int) -> None:
        parts: list[pa.RecordBatch] = []
        offset = 0
        while True:
            page = one_batch(
                read(
                    self._store,
                    "drift/uncounted",
                    model=reference.version.model,
                    version=reference.version.version,
                    under=under,
                    after_ns=reference.since_ns,
                    hour=hour,
                    limit=PAGE_ROWS,
                    offset=offset,
                )
            )
            if page.num_rows:
                version = reference.version
                parts.append(
                    count(
                        page,
                        version.model,
                        version.version,
                        reference.pins,
                        self._bucket_seconds,
                    )
                )
            if page.num_rows < PAGE_ROWS:
                break
            offset += PAGE_ROWS
        self._note(reference, "counted", hour, under, now_ns, parts)

    def _note(
        self,
        reference: Reference,
        event: str,
        hour: int,
        under: str,
        now_ns: int,
        counts: list[pa.RecordBatch],
    ) -> None:
        row = {
            "timestamp": now_ns,
            "model_name": reference.version.model,
            "model_version": reference.version.version,
            "reference_id": reference.reference_id,
            "event": event,
            "hour": hour,
            "under": under,
        }
        origin = Origin("analyse", now_ns)
        batches = [Batch("bin_counts", part, origin) for part in counts]
        # the counts first: a kill in between repeats the hour under the same token
        self._writer.batches(
            [*batches, as_batch("reference_events", Found([row]), now_ns)],
            f"{event}-{reference.reference_id}-{hour}-{under}",
        )
