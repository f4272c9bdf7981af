"""Drift of each version against its reference: verdict on the model, then features.

All tests of one version and tick are one family, so that a tick without any shift
names drift with a chance of at most alpha. Too few rows are `insufficient_data`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from algovigil.statistics import DRIFT, INSUFFICIENT, OK
from algovigil.statistics.compare import (
    Finding,
    Observed,
    Plan,
    drifted_share,
    judge,
    measure,
)
from algovigil.statistics.profile import absent
from algovigil_processor.analyse.drift.features import draw
from algovigil_processor.analyse.drift.reference import load
from algovigil_processor.analyse.findings import Found, Row, Version, each, finite, head
from algovigil_processor.analyse.store import rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from algovigil.config import DriftDetection
    from algovigil_processor.analyse.store import Store


class Drift:
    """Compare the current window of every version that has a reference."""

    def __init__(self, store: Store, config: DriftDetection) -> None:
        self._store = store
        self._window_ns = int(config.window * 1e9)
        self._sample_rows = config.sample_rows
        self._plan = Plan(
            methods=config.methods,  # type: ignore[arg-type] # DriftDetection refuses others
            alpha=config.alpha,
            ks_floor=config.ks_floor,
            psi_warning=config.psi_warning,
            min_samples=config.min_samples,
        )

    def __call__(self, now_ns: int) -> Found:
        """Return rows of `drift_findings`."""
        references = rows(self._store, "drift/references", now_ns=now_ns)
        return each(references, lambda row: self._compare(row, now_ns))

    def _compare(self, found: Mapping[str, Any], now_ns: int) -> list[Row]:
        version = Version.of(found)
        reference = load(self._store, version, found)
        start_ns = max(reference.created_ns, now_ns - self._window_ns)
        drawn = draw(
            self._store,
            version,
            (start_ns, now_ns),
            self._sample_rows,
            earliest=False,
        )
        common = head(version, now_ns, start_ns) | {
            "reference_id": reference.reference_id
        }
        rng = np.random.default_rng(now_ns)
        findings: list[Finding] = []
        if drawn.predictions:
            nothing = absent(drawn.predictions)
            for key, profile in reference.profiles.items():
                current = drawn.columns.get(key, nothing)
                observed = Observed.of(profile, current)
                findings += measure(key[0], profile, observed, self._plan, rng)
        judged = judge(findings, self._plan)
        n_reference = max((p.rows for p in reference.profiles.values()), default=0)
        verdict = _verdict(judged) | {
            "rows_reference": n_reference,
            "rows_current": drawn.predictions,
        }
        return [common | row for row in (verdict, *map(_row, judged))]


def _verdict(findings: Sequence[Finding]) -> Row:
    """Return the row of the model itself: the share of its features that drifted."""
    share = drifted_share(findings)
    p_values = [f.p_adjusted for f in findings if f.p_adjusted is not None]
    smallest = min(p_values, default=None)
    status = INSUFFICIENT if share is None else DRIFT if share else OK
    return {
        "feature": "",
        "method": "model",
        "statistic": share,
        "p_value": smallest,
        "p_adjusted": smallest,
        "threshold": 0.0,
        "status": status,
    }


def _row(finding: Finding) -> Row:
    return {
        "feature": finding.feature,
        "method": finding.method,
        "statistic": finite(finding.statistic),
        "p_value": finite(finding.p_value),
        "p_adjusted": finite(finding.p_adjusted),
        "threshold": finite(finding.threshold),
        "rows_reference": finding.n_reference,
        "rows_current": finding.n_current,
        "status": finding.status,
    }
