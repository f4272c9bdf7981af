"""From raw tests to a verdict: one family of tests, adjusted, and above a floor.

A p-value alone never makes drift: with enough rows everything is significant. The
effect must also be as large as the plan says matters, and the samples large enough.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from algovigil.statistics import DRIFT, INSUFFICIENT, OK, Status
from algovigil.statistics.chi_square import chi_square
from algovigil.statistics.ks import ks
from algovigil.statistics.multiplicity import holm
from algovigil.statistics.profile import NumericProfile
from algovigil.statistics.psi import psi

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from algovigil.statistics.profile import Column, Profile

Method: TypeAlias = Literal["ks_test", "psi", "chi_square"]

KS: Final = "ks_test"
PSI: Final = "psi"
CHI_SQUARE: Final = "chi_square"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tested, and what counts as drift."""

    methods: tuple[Method, ...] = (KS, PSI)
    alpha: float = 0.05
    ks_floor: float = 0.1
    psi_floor: float = 0.2
    cramers_v_floor: float = 0.1  # Cohen's small effect
    min_samples: int = 20


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
    p_adjusted: float | None = None
    threshold: float | None = None
    """The statistic below which the effect is too small to matter, or is chance."""


def methods_for(reference: Profile, methods: Sequence[Method]) -> tuple[Method, ...]:
    """Return which of *methods* apply: on categories chi-square stands in for KS."""
    if isinstance(reference, NumericProfile):
        return tuple(dict.fromkeys(methods))
    fitting: list[Method] = [CHI_SQUARE if m == KS else m for m in methods]
    return tuple(dict.fromkeys(fitting))


def measure(
    feature: str, reference: Profile, current: Column, plan: Plan
) -> tuple[Finding, ...]:
    """Run every method of *plan* that applies to one feature, without a verdict."""
    counts = reference.count(current)
    findings = []
    for method in methods_for(reference, plan.methods):
        if method == KS:
            findings.append(_ks(feature, reference, current, plan))
        elif method == PSI:
            findings.append(_psi(feature, reference, counts, plan))
        else:
            findings.append(_chi_square(feature, reference, counts, plan))
    return tuple(findings)


def unknown(feature: str, n_current: int, plan: Plan) -> tuple[Finding, ...]:
    """Say of a feature without a reference that nothing can be said."""
    return tuple(
        Finding(feature, method, 0, n_current, INSUFFICIENT)
        for method in dict.fromkeys(plan.methods)
    )


def judge(findings: Sequence[Finding], plan: Plan) -> tuple[Finding, ...]:
    """Adjust all tests of one evaluation as one family (Holm) and give verdicts.

    The chance that an evaluation without any shift names drift is at most alpha.
    """
    tested = [i for i, finding in enumerate(findings) if finding.p_value is not None]
    adjusted = holm([findings[i].p_value or 0.0 for i in tested])
    judged = list(findings)
    for i, p_adjusted in zip(tested, adjusted.tolist(), strict=True):
        judged[i] = _judged(findings[i], p_adjusted, plan.alpha)
    return tuple(judged)


def drifted_share(findings: Sequence[Finding]) -> float | None:
    """Return the share of tested features with drift; None when none was tested."""
    tested = {f.feature for f in findings if f.status != INSUFFICIENT}
    drifted = {f.feature for f in findings if f.status == DRIFT}
    return len(drifted) / len(tested) if tested else None


def _judged(finding: Finding, p_adjusted: float, alpha: float) -> Finding:
    assert finding.statistic is not None
    assert finding.threshold is not None
    significant = p_adjusted < alpha
    # PSI must exceed its bound; the floors of distances are themselves large enough
    large = (
        finding.statistic > finding.threshold
        if finding.method == PSI
        else finding.statistic >= finding.threshold
    )
    return dataclasses.replace(
        finding,
        p_adjusted=p_adjusted,
        status=DRIFT if significant and large else OK,
    )


def _ks(feature: str, reference: Profile, current: Column, plan: Plan) -> Finding:
    assert isinstance(reference, NumericProfile)
    values = reference.values(current)
    n, m = reference.sample.size, values.size
    if min(n, m) < plan.min_samples:
        return Finding(feature, KS, n, m, INSUFFICIENT)
    result = ks(reference.sample, values)
    return Finding(
        feature, KS, n, m, OK, result.statistic, result.p_value, None, plan.ks_floor
    )


def _psi(
    feature: str, reference: Profile, counts: NDArray[np.int64], plan: Plan
) -> Finding:
    n, m = reference.rows, int(counts.sum())
    result = psi(reference.counts, counts, plan.alpha)
    if min(n, m) < plan.min_samples or result.bound is None:
        return Finding(feature, PSI, n, m, INSUFFICIENT)
    threshold = max(plan.psi_floor, result.bound)
    return Finding(
        feature, PSI, n, m, OK, result.statistic, result.p_value, None, threshold
    )


def _chi_square(
    feature: str, reference: Profile, counts: NDArray[np.int64], plan: Plan
) -> Finding:
    n, m = reference.rows, int(counts.sum())
    result = chi_square(reference.counts, counts)
    if min(n, m) < plan.min_samples or result.statistic is None:
        return Finding(feature, CHI_SQUARE, n, m, INSUFFICIENT)
    # the statistic at which Cramer's V reaches its floor
    threshold = plan.cramers_v_floor**2 * (n + m)
    return Finding(
        feature, CHI_SQUARE, n, m, OK, result.statistic, result.p_value, None, threshold
    )
