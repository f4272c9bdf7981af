"""The second scene: older patients, an estimate before labels, and labels that agree.

Only the case-mix changes: the same people are drawn, the old ones more often. An
estimate that rests on calibrated risks must hold, and is compared with what came.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from algovigil_processor.demo import processes

if TYPE_CHECKING:
    from pathlib import Path

    from algovigil_processor.demo.facts import Facts
    from algovigil_processor.demo.result import Result

_OLDER: Final = 150
PATIENTS: Final = 331 + _OLDER
"""All patients of both nights, as service/nightly.py draws them."""
_STEP_SECONDS: Final = 45.0


@dataclass(frozen=True, slots=True)
class Nights:
    """What a night's batch needs to know."""

    folder: Path
    otlp: str
    key: str
    client: Path

    async def run(self, mix: str) -> bool:
        """Run one night to its end; return whether it ended well."""
        batch = processes.nightly(
            self.folder, otlp=self.otlp, key=self.key, config=self.client, mix=mix
        )
        return await asyncio.to_thread(batch.ends_well, _STEP_SECONDS)


async def tell(
    nights: Nights, facts: Facts, result: Result, window_seconds: float
) -> None:
    """Run a usual night, then an older one; note in *result* what was seen."""
    usual = await nights.run("usual")
    result.expect("the night of usual patients ended well", usual)
    if not usual:
        return
    # the window of the second night must hold its own patients alone
    await asyncio.sleep(window_seconds)
    older = await nights.run("older")
    result.expect("the night of older patients ended well", older)
    found = None
    deadline = time.monotonic() + _STEP_SECONDS
    while found is None and time.monotonic() < deadline:
        await asyncio.sleep(0.3)
        found = await asyncio.to_thread(facts.reconciled, _OLDER)
    result.expect("the older case-mix was estimated and reconciled", bool(found))
    if found is None:
        return
    result.counts["older_estimated"] = round(found.value, 4)
    result.counts["older_realised"] = round(found.realised, 4)
    result.expect(
        "labels of the older case-mix fall within the estimate's band",
        found.lower <= found.realised <= found.upper,
    )
