"""From raw tests to a verdict: one family of tests, adjusted, and above a floor.

A p-value alone never makes drift: with enough rows everything is significant. The
effect must also be as large as the plan says matters, and the samples large enough.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from algovigil.statistics import DRIFT, INSUFFICIENT, OK, Status
from algovigil.statistics.classifier import domain_classifier
from algovigil.statistics.measures import (
    DOMAIN_CLASSIFIER,
    MEASURES,
    Measured,
    methods_for,
)
from algovigil.statistics.multiplicity import benjamini_hochberg, holm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from algovigil.statistics.measures import Method
    from algovigil.statistics.profile import Column, Profile

Severity: TypeAlias = Literal["", "warning", "critical"]
Subgroup: TypeAlias = tuple[str, str]

EVERYONE: Final[Subgroup] = ("", "")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tested, and what counts as drift."""

    methods: tuple[Method, ...] = ("ks_test", "psi")
    alpha: float = 0.05
    psi_warning: float = 0.2
    psi_critical: float = 0.25
    ks_floor: float = 0.1
    cramers_v_floor: float = 0.1  # Cohen's small effect
    jensen_shannon_floor: float = 0.1
    wasserstein_floor: float = 0.2  # of a standard deviation: Cohen's small effect
    rate_floor: float = 0.05
    auroc_floor: float = 0.6
    min_samples: int = 20
    adjustment: Literal["holm", "bh"] = "holm"
    subgroup_share: float = 0.2
    """The part of alpha that tests within subgroups share, where there are any."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One feature now: counts in the bins of its profile, and values for exact tests.

    The values may be a uniform sample of the rows counted; None is not drawn.
    """

    counts: NDArray[np.int64]
    values: NDArray[np.float64] | None

    @classmethod
    def of(cls, reference: Profile, column: Column) -> Observed:
        """Observe all of *column*."""
        return cls(reference.count(column), reference.values(column))


@dataclass(frozen=True, slots=True)
class Finding:
    """One test of one feature. Numbers are None under `insufficient_data`."""

    feature: str
    method: Method
    n_reference: int
    n_current: int
    status: Status
    statistic: float | None = None
    p_value: float | None = None
    """None with status `ok`: the margins leave nothing to test."""
    p_adjusted: float | None = None
    threshold: float | None = None
    """The statistic below which the effect is too small to matter, or is chance."""
    critical: float | None = None
    """The statistic above which drift is critical; None is never."""
    severity: Severity = ""
    subgroup: Subgroup = EVERYONE


def measure(
    feature: str,
    reference: Profile,
    observed: Observed,
    plan: Plan,
    rng: np.random.Generator,
    subgroup: Subgroup = EVERYONE,
) -> tuple[Finding, ...]:
    """Run every method of *plan* that applies to one feature, without a verdict."""
    return tuple(
        finding(
            feature, method, MEASURES[method](reference, observed, plan, rng), subgroup
        )
        for method in methods_for(reference, plan.methods)
    )


def finding(
    feature: str, method: Method, measured: Measured, subgroup: Subgroup = EVERYONE
) -> Finding:
    """Return *measured* as the finding of *method* on *feature*."""
    return Finding(
        feature=feature,
        method=method,
        n_reference=measured.n_reference,
        n_current=measured.n_current,
        status=INSUFFICIENT if measured.statistic is None else OK,
        statistic=measured.statistic,
        p_value=measured.p_value,
        threshold=measured.threshold,
        critical=measured.critical,
        subgroup=subgroup,
    )


def together(
    both: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    plan: Plan,
    rng: np.random.Generator,
    name: str = "",
) -> list[Finding]:
    """Test numeric features together, if *plan* has the domain classifier.

    *both* are (reference (n,), current (m,)) by feature: row i is one row of all.
    """
    if DOMAIN_CLASSIFIER not in plan.methods:
        return []
    sides = []
    for side in (0, 1):
        columns = [pair[side] for pair in both.values()]
        rows = max((len(column) for column in columns), default=0)
        # a column that kept no value of any row is missing in all of them
        whole = [c if len(c) == rows else np.full(rows, np.nan) for c in columns]
        sides.append(np.column_stack(whole) if whole else np.empty((0, 0)))
    result = domain_classifier(sides[0], sides[1], rng, plan.min_samples)
    measured = Measured(
        result.n_reference,
        result.n_current,
        result.auroc,
        result.p_value,
        plan.auroc_floor,
    )
    return [finding(name, DOMAIN_CLASSIFIER, measured)]


def unknown(feature: str, n_current: int, plan: Plan) -> tuple[Finding, ...]:
    """Say of a feature without a reference that nothing can be said."""
    return tuple(
        Finding(feature, method, 0, n_current, INSUFFICIENT)
        for method in dict.fromkeys(plan.methods)
    )


def judge(findings: Sequence[Finding], plan: Plan) -> tuple[Finding, ...]:
    """Adjust all tests of one evaluation as one family and give verdicts.

    By Holm the chance that an evaluation without any shift names drift is at most
    alpha; by Benjamini and Hochberg the share of false names is, in expectation.
    Subgroups have a part of alpha of their own, so that looking into many of them
    does not blind the verdict on everyone.
    """
    inner = any(f.subgroup != EVERYONE for f in findings)
    share = plan.subgroup_share if inner else 0.0
    judged = list(findings)
    for is_inner, part in ((False, 1 - share), (True, share)):
        family = [
            i
            for i, f in enumerate(findings)
            if f.p_value is not None and (f.subgroup != EVERYONE) == is_inner
        ]
        raw = [findings[i].p_value or 0.0 for i in family]
        adjusted = (holm if plan.adjustment == "holm" else benjamini_hochberg)(raw)
        for i, p_adjusted in zip(family, adjusted.tolist(), strict=True):
            judged[i] = _judged(findings[i], min(p_adjusted / part, 1.0), plan.alpha)
    return tuple(judged)


def drifted_share(findings: Sequence[Finding]) -> float | None:
    """Return the share of tested features with drift; None when none was tested."""
    tested = {f.feature for f in findings if f.status != INSUFFICIENT}
    drifted = {f.feature for f in findings if f.status == DRIFT}
    return len(drifted) / len(tested) if tested else None


def _judged(finding: Finding, p_adjusted: float, alpha: float) -> Finding:
    assert finding.statistic is not None
    assert finding.threshold is not None
    # a rate may fall as well as rise; distances are never negative
    size = abs(finding.statistic)
    # PSI must exceed its bound; the floors of distances are themselves large enough
    is_large = (
        size > finding.threshold
        if finding.method == "psi"
        else size >= finding.threshold
    )
    if p_adjusted >= alpha or not is_large:
        return dataclasses.replace(finding, p_adjusted=p_adjusted, status=OK)
    is_critical = finding.critical is not None and size > finding.critical
    return dataclasses.replace(
        finding,
        p_adjusted=p_adjusted,
        status=DRIFT,
        severity="critical" if is_critical else "warning",
    )
