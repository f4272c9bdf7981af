"""Drift of each version against its reference: the model, then features, subgroups.

All tests of one version and tick are one family; between them and an alarm stands a
chart with a stated run length. Too few rows are `insufficient_data`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from algovigil.statistics import DRIFT, INSUFFICIENT
from algovigil.statistics.compare import (
    EVERYONE,
    Finding,
    Observed,
    Plan,
    judge,
    measure,
    together,
)
from algovigil.statistics.profile import NumericColumn, NumericProfile
from algovigil_processor.analyse.drift.changes import changes, happened
from algovigil_processor.analyse.drift.chart import run_length, weigh
from algovigil_processor.analyse.drift.columns import columns_of, draw
from algovigil_processor.analyse.drift.reference import split
from algovigil_processor.analyse.drift.verdict import (
    chart,
    clock_skew,
    everyone,
    finding_row,
    softened,
    verdict,
)
from algovigil_processor.analyse.drift.volume import alert_volume
from algovigil_processor.analyse.drift.window import (
    Series,
    Window,
    read_series,
    read_window,
)
from algovigil_processor.analyse.findings import Found, Row, each, head
from algovigil_processor.analyse.store import rows
from algovigil_processor.bins.pairs import CASE_MIX, EMBEDDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.config import MonitoringConfig
    from algovigil.statistics.profile import Column, Profile
    from algovigil_processor.analyse.drift.recount import Recount
    from algovigil_processor.analyse.drift.reference import Reference
    from algovigil_processor.analyse.drift.references import References
    from algovigil_processor.analyse.findings import Writer
    from algovigil_processor.analyse.store import Store
    from algovigil_processor.bins import Key

_OF_VALUES: Final = frozenset({"ks_test", "wasserstein", "domain_classifier"})
"""Methods that read a sample of the predictions; the others read counts alone."""
_STEPS: Final = 24
"""Steps of a series that one window has."""
_WINDOWS: Final = 10
"""Windows that a series goes back."""
_AHEAD_NS: Final = 300 * 10**9
"""A clock may be so far ahead before it is a finding."""


@dataclass(slots=True)
class _Look:
    """One version at one tick."""

    reference: Reference
    window: Window
    now_ns: int
    columns: dict[Key, Column] = field(default_factory=dict)


class Drift:
    """Compare the current window of every version that has a reference in force."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        config: MonitoringConfig,
        references: References,
        recount: Recount,
    ) -> None:
        drift = config.drift_detection
        self._store = store
        self._writer = writer
        self._config = drift
        self._positive = config.clinical.positive_label
        self._references = references
        self._recount = recount
        self._window_ns = int(drift.window * 1e9)
        self._run_length = run_length(drift)
        self._plan = Plan(
            methods=drift.methods,  # type: ignore[arg-type] # DriftDetection refuses others
            alpha=drift.alpha,
            ks_floor=drift.ks_floor,
            psi_warning=drift.psi_warning,
            psi_critical=drift.psi_critical,
            rate_floor=drift.rate_floor,
            min_samples=drift.min_samples,
            adjustment=drift.adjustment,  # type: ignore[arg-type] # as methods
        )

    def __call__(self, now_ns: int) -> Found:
        """Return rows of `drift_findings`."""
        return each(self._references.active, lambda one: self._compare(one, now_ns))

    def _compare(self, reference: Reference, now_ns: int) -> list[Row]:
        start_ns = max(reference.since_ns, now_ns - self._window_ns)
        if not self._recount.is_complete(reference):
            window = Window(start_ns, now_ns, {}, 0)
        else:
            window = read_window(self._store, reference, start_ns, now_ns)
        look = _Look(reference, window, now_ns)
        found = self._look(look) if window.rows else [verdict([], window, None)]
        found += self._ahead(reference, now_ns)
        common = head(reference.version, now_ns, start_ns) | {
            "reference_id": reference.reference_id,
            "plan_version": self._config.version,
        }
        return [common | row for row in found]

    def _look(self, look: _Look) -> list[Row]:
        reference, window = look.reference, look.window
        # seeded by what is looked at, so that the same data gives the same findings
        rng = np.random.default_rng([look.now_ns, window.rows])
        if _OF_VALUES & set(self._plan.methods):
            drawn = draw(
                self._store,
                reference.version,
                (window.start_ns, window.end_ns),
                self._config.sample_rows,
                rows=window.rows,
            )
            look.columns = columns_of(drawn)
        judged = judge(self._measure(look, rng), self._plan)
        evidence = weigh(
            self._store, reference, judged, window.start_ns, self._run_length
        )
        if not evidence.is_enough:
            judged = tuple(softened(finding) for finding in judged)
        series = self._series(look)
        found = [verdict(judged, window, evidence), *map(finding_row, judged)]
        found += self._unknown(look)
        found += [
            everyone(row)
            for row in alert_volume(
                reference,
                series,
                positive=self._positive,
                floor=self._plan.rate_floor,
                run_length=self._run_length * _STEPS,
                last_steps=_STEPS,
            )
        ]
        self._date(look, judged, series, rng)
        return [chart(evidence, reference, window), *found]

    def _measure(self, look: _Look, rng: np.random.Generator) -> list[Finding]:
        reference, window = look.reference, look.window
        counts = split(reference, window.counts[EVERYONE])
        found: list[Finding] = []
        for key, profile in reference.profiles.items():
            column = look.columns.get(key)
            values = None if column is None else profile.values(column)
            observed = Observed(counts[key], values)
            found += measure(key[0], profile, observed, self._plan, rng)
        found += self._together(look, rng)
        for subgroup, vector in window.counts.items():
            if subgroup != EVERYONE:
                found += self._within(look, subgroup, vector, rng)
        return found

    def _within(
        self,
        look: _Look,
        subgroup: tuple[str, str],
        vector: np.ndarray[Any, np.dtype[np.int64]],
        rng: np.random.Generator,
    ) -> list[Finding]:
        """Compare a subgroup with itself in the reference, on counts alone."""
        reference = look.reference
        before = reference.subgroups.get(subgroup)
        if before is None:
            return []
        plan = dataclasses.replace(
            self._plan,
            methods=tuple(
                m for m in self._plan.methods if m in ("psi", "missing_rate")
            ),
        )
        old, new = split(reference, before), split(reference, vector)
        found: list[Finding] = []
        for key, profile in reference.profiles.items():
            if key[0] == CASE_MIX + subgroup[0]:
                continue  # within one sex, sex does not vary
            inner: Profile = dataclasses.replace(profile, counts=old[key])
            found += measure(
                key[0], inner, Observed(new[key], None), plan, rng, subgroup
            )
        return found

    def _together(self, look: _Look, rng: np.random.Generator) -> list[Finding]:
        """Look at all numeric features together, and at the embedding on its own."""
        both = {
            key[0]: (profile.sample, column.values)
            for key, profile in look.reference.profiles.items()
            if isinstance(profile, NumericProfile)
            and isinstance(column := look.columns.get(key), NumericColumn)
        }
        embedded = {n: pair for n, pair in both.items() if n.startswith(EMBEDDING)}
        plain = {n: pair for n, pair in both.items() if n not in embedded}
        found = together(plain, self._plan, rng) if plain else []
        if embedded:
            found += together(embedded, self._plan, rng, EMBEDDING.rstrip("."))
        return found

    def _series(self, look: _Look) -> Series:
        reach_ns = _WINDOWS * self._window_ns
        return read_series(
            self._store,
            look.reference,
            max(look.reference.since_ns, look.now_ns - reach_ns),
            look.now_ns,
            step_seconds=max(int(self._config.window) // _STEPS, 1),
        )

    def _date(
        self,
        look: _Look,
        judged: Sequence[Finding],
        series: Series,
        rng: np.random.Generator,
    ) -> None:
        drifted = [f.feature for f in judged if f.status == DRIFT]
        if not drifted:
            return
        start_ns = look.reference.since_ns
        events = happened(self._store, look.reference, series, start_ns, look.now_ns)
        dated = changes(look.reference, series, drifted, events, rng)
        common = head(look.reference.version, look.now_ns, look.window.start_ns) | {
            "reference_id": look.reference.reference_id
        }
        if dated:
            self._writer.rows(
                {"drift_changes": [common | row for row in dated]},
                look.now_ns,
                f"changes-{look.reference.reference_id}-{look.now_ns}",
            )

    def _unknown(self, look: _Look) -> list[Row]:
        """Say of features that the reference does not have that they are new."""
        known = {key[0] for key in look.reference.profiles}
        rows_current = look.window.rows
        return [
            finding_row(Finding(name, "psi", 0, rows_current, INSUFFICIENT))
            for name in sorted({key[0] for key in look.columns} - known)
        ]

    def _ahead(self, reference: Reference, now_ns: int) -> list[Row]:
        """Say when predictions are dated after now: they are in no window yet."""
        (found,) = rows(
            self._store,
            "drift/ahead",
            model=reference.version.model,
            version=reference.version.version,
            after_ns=now_ns + _AHEAD_NS,
        )
        if not found["predictions"]:
            return []
        return [clock_skew(reference, found["predictions"])]
