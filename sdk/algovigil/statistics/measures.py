"""How each method measures one feature: a statistic, its p-value and its floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from algovigil.statistics.chi_square import chi_square
from algovigil.statistics.distances import jensen_shannon, wasserstein
from algovigil.statistics.ks import ks
from algovigil.statistics.profile import CategoryProfile, NumericProfile, Profile
from algovigil.statistics.psi import psi
from algovigil.statistics.rates import rate_change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.statistics.compare import Observed, Plan

Method: TypeAlias = Literal[
    "ks_test",
    "psi",
    "chi_square",
    "jensen_shannon",
    "wasserstein",
    "missing_rate",
    "range",
    "unseen_category",
    "domain_classifier",
]

KS: Final = "ks_test"
PSI: Final = "psi"
CHI_SQUARE: Final = "chi_square"
JENSEN_SHANNON: Final = "jensen_shannon"
WASSERSTEIN: Final = "wasserstein"
MISSING_RATE: Final = "missing_rate"
RANGE: Final = "range"
UNSEEN_CATEGORY: Final = "unseen_category"
DOMAIN_CLASSIFIER: Final = "domain_classifier"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one test of one feature measured; a statistic of None is too few data."""

    n_reference: int
    n_current: int
    statistic: float | None = None
    p_value: float | None = None
    threshold: float | None = None
    critical: float | None = None


def methods_for(reference: Profile, methods: Sequence[Method]) -> tuple[Method, ...]:
    """Return which of *methods* apply: on categories chi-square stands in for KS."""
    fitting: list[Method] = []
    for method in methods:
        if isinstance(reference, NumericProfile):
            if method == RANGE and not reference.is_closed:
                continue
            if method != UNSEEN_CATEGORY:
                fitting.append(method)
        elif method not in (RANGE, WASSERSTEIN):
            fitting.append(CHI_SQUARE if method == KS else method)
    return tuple(m for m in dict.fromkeys(fitting) if m in MEASURES)


def _ks(
    reference: Profile, observed: Observed, plan: Plan, _: np.random.Generator
) -> Measured:
    before, after = _samples(reference, observed)
    n, m = before.size, after.size
    if min(n, m) < plan.min_samples:
        return Measured(n, m)
    result = ks(before, after)
    return Measured(n, m, result.statistic, result.p_value, plan.ks_floor)


def _wasserstein(
    reference: Profile, observed: Observed, plan: Plan, rng: np.random.Generator
) -> Measured:
    before, after = _samples(reference, observed)
    n, m = before.size, after.size
    if min(n, m) < plan.min_samples:
        return Measured(n, m)
    result = wasserstein(before, after, rng)
    return Measured(n, m, result.statistic, result.p_value, plan.wasserstein_floor)


def _psi(
    reference: Profile, observed: Observed, plan: Plan, _: np.random.Generator
) -> Measured:
    n, m = reference.rows, int(observed.counts.sum())
    result = psi(reference.counts, observed.counts, plan.alpha)
    if min(n, m) < plan.min_samples or result.bound is None:
        return Measured(n, m)
    return Measured(
        n,
        m,
        result.statistic,
        result.p_value,
        threshold=max(plan.psi_warning, result.bound),
        critical=max(plan.psi_critical, result.bound),
    )


def _chi_square(
    reference: Profile, observed: Observed, plan: Plan, _: np.random.Generator
) -> Measured:
    n, m = reference.rows, int(observed.counts.sum())
    result = chi_square(reference.counts, observed.counts)
    if min(n, m) < plan.min_samples or result.statistic is None:
        return Measured(n, m)
    # the statistic at which Cramer's V reaches its floor
    threshold = plan.cramers_v_floor**2 * (n + m)
    return Measured(n, m, result.statistic, result.p_value, threshold)


def _jensen_shannon(
    reference: Profile, observed: Observed, plan: Plan, _: np.random.Generator
) -> Measured:
    n, m = reference.rows, int(observed.counts.sum())
    result = jensen_shannon(reference.counts, observed.counts)
    if min(n, m) < plan.min_samples or result.statistic is None:
        return Measured(n, m)
    return Measured(n, m, result.statistic, result.p_value, plan.jensen_shannon_floor)


def _missing_rate(
    reference: Profile, observed: Observed, plan: Plan, _: np.random.Generator
) -> Measured:
    at = -1 if isinstance(reference, CategoryProfile) else -2
    return _rate(reference, observed, [at], plan)


def _range(
    reference: Profile, observed: Observed, plan: Plan, _: np.random.Generator
) -> Measured:
    # below the range, above it, and infinite
    return _rate(reference, observed, [0, -3, -1], plan)


def _unseen_category(
    reference: Profile, observed: Observed, plan: Plan, _: np.random.Generator
) -> Measured:
    return _rate(reference, observed, [-2], plan)


def _rate(
    reference: Profile, observed: Observed, bins: list[int], plan: Plan
) -> Measured:
    n, m = reference.rows, int(observed.counts.sum())
    if min(n, m) < plan.min_samples:
        return Measured(n, m)
    before = int(reference.counts[bins].sum())
    after = int(observed.counts[bins].sum())
    result = rate_change((before, n), (after, m))
    return Measured(n, m, result.difference, result.p_value, plan.rate_floor)


def _samples(
    reference: Profile, observed: Observed
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    if not isinstance(reference, NumericProfile) or observed.values is None:
        return np.empty(0), np.empty(0)
    both = reference.sample, observed.values
    return tuple(values[~np.isnan(values)] for values in both)


_Measure: TypeAlias = Callable[
    [Profile, "Observed", "Plan", np.random.Generator], Measured
]

MEASURES: Final[dict[Method, _Measure]] = {
    KS: _ks,
    PSI: _psi,
    CHI_SQUARE: _chi_square,
    JENSEN_SHANNON: _jensen_shannon,
    WASSERSTEIN: _wasserstein,
    MISSING_RATE: _missing_rate,
    RANGE: _range,
    UNSEEN_CATEGORY: _unseen_category,
}
"""Methods of one feature; `domain_classifier` looks at all of them together."""
