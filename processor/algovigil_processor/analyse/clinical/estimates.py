"""Performance before labels come, refused where its assumptions visibly fail.

An estimate holds while the model's risks stay calibrated and the cases are of a kind
that the reference has seen. Both are tested at every tick; when labels mature, the
estimate is compared with what they say.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK
from algovigil.statistics.calibration import recalibrate
from algovigil.statistics.cbpe import METRICS, estimate
from algovigil.statistics.estimate import Estimate, unknown
from algovigil.statistics.support import Support, support
from algovigil_processor.analyse.clinical.cohort import (
    Cohort,
    Size,
    Window,
    cohort,
    oriented,
    sizes,
)
from algovigil_processor.analyse.clinical.figures import (
    METHOD_VERSION,
    Binary,
    Minimum,
    area,
    balanced,
    rates,
)
from algovigil_processor.analyse.clinical.inputs import inputs
from algovigil_processor.analyse.clinical.reference import Pinned, pinned
from algovigil_processor.analyse.clinical.words import POSITIVE, Words
from algovigil_processor.analyse.findings import Found, Row, Version, each, finite, head
from algovigil_processor.analyse.store import read, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from algovigil.config import Clinical as ClinicalConfig
    from algovigil_processor.analyse.store import Store

REFUSED: Final = "refused"
MOST_ROWS: Final = 10_000
"""Predictions that one estimate reads at most, drawn uniformly by SQL."""
_SUPPORT_ROWS: Final = 2000
_CONCEPT_ALPHA: Final = 0.001
COMPLETE: Final = 0.8
"""Share of labels from which on an estimate is compared with them."""


@dataclass(frozen=True, slots=True)
class Checks:
    """Whether the assumptions of an estimate stand, and why not."""

    support: Support
    concept_p: float | None
    reason: str


class Estimates:
    """Estimate the newest window of every version whose calibration is pinned."""

    def __init__(self, store: Store, config: ClinicalConfig) -> None:
        self._store = store
        self._config = config
        self._words = Words(config.positive_label)
        self._window_ns = int(config.window * 1e9)
        self._maturity_ns = int(config.maturity * 1e9)
        self._pinned: dict[Version, Pinned] = {}

    def __call__(self, now_ns: int) -> Found:
        """Return rows of `performance_estimates`: new ones, then reconciled ones."""
        pinned_now = rows(self._store, "counts")[0]["calibrations"]
        if pinned_now != len(self._pinned):
            for row in rows(self._store, "calibrations", now_ns=now_ns):
                if Version.of(row) not in self._pinned:
                    self._pinned[Version.of(row)] = pinned(row)
        if not self._pinned:
            return Found()
        known = [{"version": version} for version in sorted(self._pinned, key=str)]
        found = each(known, lambda one: self._estimate(one["version"], now_ns))
        waiting = rows(
            self._store,
            "to_reconcile",
            until_ns=now_ns - self._maturity_ns,
            since_ns=max(now_ns - self._maturity_ns - 2 * self._window_ns, 0),
        )
        by_version: dict[Version, list[Row]] = {}
        for row in waiting:
            by_version.setdefault(Version.of(row), []).append(row)
        groups = [{"rows": group} for group in by_version.values()]
        again = each(groups, lambda one: self._reconcile(one["rows"], now_ns))
        return Found(found.rows + again.rows, found.failed + again.failed)

    def _estimate(self, version: Version, now_ns: int) -> list[Row]:
        reference = self._pinned[version]
        start_ns = max(now_ns - self._window_ns, 0)
        table = read(
            self._store,
            "scored",
            model=version.model,
            version=version.version,
            start_ns=start_ns,
            end_ns=now_ns,
            limit=MOST_ROWS,
        )
        if not table.num_rows:
            return []
        # seeded by the window, so that a tick can be done again
        rng = np.random.default_rng(now_ns)
        predicted = self._words.classes_of(table.column("predicted"))
        score = oriented(_floats(table, "score"), predicted)
        weight = _floats(table, "row_weight")
        now = inputs(table.slice(0, _SUPPORT_ROWS), reference.inputs.columns)
        checks = self._check(version, reference, now.values, rng, now_ns)
        found = dict.fromkeys(METRICS, unknown(table.num_rows))
        enough = table.num_rows >= self._config.min_samples
        if enough and reference.calibration is not None and not checks.reason:
            rows_ = _by_weight(score, weight, rng)
            called = predicted[rows_] == POSITIVE
            found = estimate(reference.calibration, score[rows_], called, rng)
        common = head(version, now_ns, start_ns)
        return [
            _row(common, metric, one, reference.reference_id, checks)
            for metric, one in found.items()
        ]

    def _check(
        self,
        version: Version,
        reference: Pinned,
        current: NDArray[np.float64],
        rng: np.random.Generator,
        now_ns: int,
    ) -> Checks:
        known = reference.inputs.values
        if known.shape[0] > _SUPPORT_ROWS:
            known = known[rng.choice(known.shape[0], _SUPPORT_ROWS, replace=False)]
        seen = support(known, current, rng)
        if seen.lower is not None and seen.lower > self._config.max_outside:
            return Checks(seen, None, "support")
        p_value = self._concept(version, reference, now_ns)
        broken = p_value is not None and p_value < _CONCEPT_ALPHA
        return Checks(seen, p_value, "concept" if broken else "")

    def _concept(
        self, version: Version, reference: Pinned, now_ns: int
    ) -> float | None:
        """Return whether risks still come true, by the labels of the mature window.

        Cases that were acted on take no part: their event may have been averted.
        """
        assert reference.calibration is not None, "pinned with both classes"
        drawn = self._mature(version, now_ns)
        two = Binary.of(drawn)
        kept = two.judged & np.isfinite(drawn.score)
        acted = drawn.groups.get("acted_on")
        if acted is not None:
            kept &= acted != "true"
        risks = reference.calibration.risks(drawn.score[kept])
        sick = two.sick[kept]
        least = self._config.min_class
        if min(sick.sum(), (~sick).sum()) < least:
            return None
        edge = 0.5 / (reference.calibration.scores.size + 1)
        risks = np.clip(risks, edge, 1 - edge)
        return recalibrate(risks, sick, drawn.weight[kept]).p_value

    def _mature(self, version: Version, now_ns: int) -> Cohort:
        end_ns = now_ns - self._maturity_ns
        window = Window(max(end_ns - self._window_ns, 0), end_ns, now_ns)
        counted = rows(
            self._store,
            "labelled",
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            as_of_ns=now_ns,
        )
        labels = {Version.of(row): row["rows"] for row in counted}.get(version, 0)
        few = dataclasses.replace(self._config, sample_rows=MOST_ROWS)
        return cohort(self._store, version, window, few, Size(), labels)

    def _reconcile(self, waiting: list[Row], now_ns: int) -> list[Row]:
        first = waiting[0]
        version = Version.of(first)
        window = Window(first["start_ns"], first["end_ns"], now_ns)
        size = sizes(self._store, window, self._config).get(
            (version.model, version.version), Size()
        )
        drawn = cohort(self._store, version, window, self._config, size, size.rows)
        complete = float(drawn.weight.sum()) / size.inferences if size.inferences else 0
        if complete < COMPLETE:
            return []
        least = Minimum(self._config.min_samples, self._config.min_class)
        figures = [*rates(drawn, least), area(drawn, least), *balanced(drawn, least)]
        came = {figure.metric: figure for figure in figures}
        common = head(version, now_ns, window.start_ns, window.end_ns)
        found = []
        for row in waiting:
            real = came.get(row["metric"])
            if real is None or real.value is None:
                continue
            said = Estimate(row["value"], row["lower"], row["upper"], row["n"])
            found.append(
                _row(common, row["metric"], said, row["reference_id"], None)
                | {
                    "realised": finite(real.value),
                    "realised_lower": finite(real.lower),
                    "realised_upper": finite(real.upper),
                    "completeness": complete,
                }
            )
        return found


def _row(
    common: Mapping[str, Any],
    metric: str,
    found: Estimate,
    reference_id: str,
    checks: Checks | None,
) -> Row:
    seen = checks.support if checks else None
    refused = bool(checks and checks.reason)
    status = REFUSED if refused else INSUFFICIENT if found.value is None else OK
    return {
        **common,
        "plan_version": "",
        "reference_id": reference_id,
        "metric": metric,
        "value": finite(found.value),
        "lower": finite(found.lower),
        "upper": finite(found.upper),
        "n": found.n,
        "outside": finite(seen.outside) if seen else None,
        "outside_lower": finite(seen.lower) if seen else None,
        "domain_auroc": finite(seen.domain_auroc) if seen else None,
        "concept_p": finite(checks.concept_p) if checks else None,
        "realised": None,
        "realised_lower": None,
        "realised_upper": None,
        "completeness": None,
        "method": "cbpe",
        "method_version": METHOD_VERSION,
        "reason": checks.reason if checks else "",
        "status": status,
    }


def _by_weight(
    score: NDArray[np.float64], weight: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return rows with a score; where weights differ, drawn in proportion to them."""
    rows_ = np.flatnonzero(np.isfinite(score))
    w = np.where(np.isfinite(weight) & (weight > 0), weight, 1.0)[rows_]
    if rows_.size and w.min() < w.max():
        rows_ = rng.choice(rows_, rows_.size, p=w / w.sum())
    return rows_


def _floats(table: Any, name: str) -> NDArray[np.float64]:
    found: NDArray[np.float64] = table.column(name).cast("float64").to_numpy()
    return found.astype(np.float64)
