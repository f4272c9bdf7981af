"""`Analysis`: the parts of line 2 that find, each at its own pace.

Time is an argument. A part that fails is counted and logged by type, is tried again
at the next tick, and never stops the others; line 1 never notices.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from algovigil_processor.analyse import plan
from algovigil_processor.analyse.clinical.care import Care
from algovigil_processor.analyse.clinical.clinical import Clinical
from algovigil_processor.analyse.clinical.estimates import Estimates
from algovigil_processor.analyse.clinical.join import Join
from algovigil_processor.analyse.clinical.reference import CalibrationReferences
from algovigil_processor.analyse.drift.drift import Drift
from algovigil_processor.analyse.drift.recount import Recount
from algovigil_processor.analyse.drift.references import Nobody, References
from algovigil_processor.analyse.drift.retraining import Retraining
from algovigil_processor.analyse.findings import Found, Writer, batch
from algovigil_processor.analyse.gauges import gauges
from algovigil_processor.analyse.objectives import Objectives
from algovigil_processor.analyse.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from algovigil.config import MonitoringConfig
    from algovigil_processor.analyse.drift.references import Pinning
    from algovigil_processor.analyse.store import Store
    from algovigil_processor.pipeline import Stage
    from algovigil_processor.schema import Table
    from algovigil_processor.telemetry import Telemetry

_LOG: Final = logging.getLogger(__name__)

_MINUTE_NS: Final = 60 * 10**9


@dataclass(frozen=True, slots=True)
class _Part:
    kind: str
    table: Table
    every_ns: int
    find: Callable[[int], Found]


class Analysis:
    """Everything that a tick finds goes through *redact* into *store*."""

    def __init__(
        self,
        store: Store,
        redact: Stage,
        config: MonitoringConfig,
        telemetry: Telemetry,
        pinning: Pinning | None = None,
    ) -> None:
        self._store = store
        self._redact = redact
        self._telemetry = telemetry
        self._plan: Final = plan.load(config)
        self._plan_is_kept = False
        drift, clinical = config.drift_detection, config.clinical
        drift_ns, clinical_ns = int(drift.interval * 1e9), int(clinical.interval * 1e9)
        service = Service(store, config.alerts.window)
        writer = Writer(store, redact)
        self.references: Final = References(store, writer, drift, pinning or Nobody())
        self.retraining: Final = Retraining(store, writer)
        recount = Recount(
            store,
            writer,
            self.references,
            bucket_seconds=drift.bucket_seconds,
            history_ns=int(max(drift.history_days * 86_400, drift.window) * 1e9),
        )
        objectives = Objectives(store, config.sla)
        # outcomes are joined before they count; a reference is stored before drift
        # looks for it
        self._parts: Final = (
            _Part("service", "service_metrics", 0, service),
            _Part("objectives", "service_metrics", _MINUTE_NS, objectives),
            _Part("outcomes", "joined_outcomes", clinical_ns, Join(store, clinical)),
            _Part(
                "clinical", "clinical_metrics", clinical_ns, Clinical(store, clinical)
            ),
            _Part("care", "clinical_metrics", clinical_ns, Care(store, clinical)),
            _Part(
                "calibration",
                "calibration_references",
                clinical_ns,
                CalibrationReferences(store, clinical),
            ),
            _Part(
                "estimates",
                "performance_estimates",
                clinical_ns,
                Estimates(store, clinical),
            ),
            _Part("reference", "reference_profiles", drift_ns, self.references),
            _Part("recount", "bin_counts", 0, recount),
            _Part(
                "drift",
                "drift_findings",
                drift_ns,
                Drift(store, writer, config, self.references, recount),
            ),
        )
        self._done_ns: dict[str, int] = {}

    def tick(self, now_ns: int) -> None:
        """Run the parts that are due at *now_ns*. Raises nothing of theirs."""
        try:
            self._keep_plan(now_ns)
        except Exception as error:
            _LOG.error("analyse plan: %s", type(error).__name__)
        for part in self._parts:
            done_ns = self._done_ns.get(part.kind)
            if done_ns is not None and now_ns - done_ns < part.every_ns:
                continue
            try:
                found = part.find(now_ns)
                self._keep(part, found, now_ns)
            except Exception as error:
                # the type alone: a message may hold values of the data
                _LOG.error("analyse %s: %s", part.kind, type(error).__name__)
                self._count(part, is_whole=False)
                continue
            self._done_ns[part.kind] = now_ns
            self._count(part, is_whole=not found.failed)

    def _keep(self, part: _Part, found: Found, now_ns: int) -> None:
        if part.table == "clinical_metrics":
            found = Found(self._plan.judge(found.rows), found.failed)
        rows = batch(part.table, found, now_ns, self._plan.version)
        if rows.rows.num_rows:
            sealed = self._redact(rows)
            self._store.insert((sealed,), token=f"tick-{part.kind}-{now_ns}")
            self._telemetry.publish(part.kind, gauges(part.table, sealed.rows))

    def _keep_plan(self, now_ns: int) -> None:
        """Keep the plan in force, once, before anything names its version."""
        if self._plan_is_kept:
            return
        row = batch("monitoring_plans", Found([self._plan.row(now_ns)]), now_ns)
        token = f"plan-{self._plan.version}"
        self._store.insert((self._redact(row),), token=token)
        self._plan_is_kept = True

    def _count(self, part: _Part, *, is_whole: bool) -> None:
        result = "ok" if is_whole else "error"
        self._telemetry.count("analyse.ticks", kind=part.kind, result=result)
