"""What became of treatments, arm by arm: association, never called an effect.

The arm comes from the event, it is never inferred; patients were not allotted to arms
by chance, so every figure carries the caveat `association`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK
from algovigil.statistics.effects import Arm, effects
from algovigil.statistics.estimate import Estimate, around
from algovigil.statistics.survival import kaplan_meier, log_rank
from algovigil_processor.analyse.clinical.figures import Figure, grouped, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from algovigil_processor.analyse.findings import Row

ASSOCIATION: Final = "association"
MAX_ARMS: Final = 20
_GOOD: Final = frozenset(
    {
        "1",
        "true",
        "successful",
        "success",
        "improved",
        "improvement",
        "recovered",
        "cured",
        "response",
        "responded",
        "remission",
        "effective",
        "resolved",
        "alive",
    }
)
_BAD: Final = frozenset(
    {
        "0",
        "false",
        "unsuccessful",
        "failure",
        "failed",
        "worsened",
        "worse",
        "deteriorated",
        "relapse",
        "relapsed",
        "ineffective",
        "died",
        "death",
        "no response",
        "no_response",
        "not improved",
    }
)


def figures(rows: Sequence[Row], minimum: int) -> Iterator[Figure]:
    """Yield effectiveness over all and by treatment, then each arm against the others.

    *rows* are those of treatments.sql of one version.
    """
    arms = np.array([row["treatment"] for row in rows], dtype=object)
    success = np.array([_success(row) for row in rows], dtype=np.float64)
    level = np.array([_number(row["effectiveness"]) for row in rows])
    everyone = np.ones(len(rows), dtype=bool)
    yield _effectiveness(success, level, everyone, minimum)
    names, counts = np.unique(arms.astype(str), return_counts=True)
    chosen = names[np.argsort(-counts, kind="stable")[:MAX_ARMS]].tolist()
    for name in chosen:
        inside = arms == name
        figure = _effectiveness(success, level, inside, minimum)
        yield grouped(figure, "treatment", name)
        if len(names) > 1:
            for contrast in _contrasts(success, inside, minimum):
                yield grouped(contrast, "treatment", name)
    yield from _survival(rows, arms, chosen, minimum)


def _effectiveness(
    success: NDArray[np.float64],
    level: NDArray[np.float64],
    inside: NDArray[np.bool_],
    minimum: int,
) -> Figure:
    """Return the mean of what was measured, or else the share of successes."""
    metric = "treatment_effectiveness"
    measured = level[inside & np.isfinite(level)]
    if measured.size:
        several = measured.size > 1
        error = measured.std(ddof=1) / measured.size**0.5 if several else np.nan
        found = around(float(measured.mean()), float(error), measured.size)
        return _figure(metric, found, float(measured.sum()), "mean_normal", minimum)
    known = inside & np.isfinite(success)
    return share(metric, success > 0, known, np.ones(success.size), minimum)


def _contrasts(
    success: NDArray[np.float64], inside: NDArray[np.bool_], minimum: int
) -> Iterator[Figure]:
    known = np.isfinite(success)
    sides = [success[known & side] for side in (inside, ~inside)]
    one, other = (Arm(int(side.sum()), side.size) for side in sides)
    few = min(one.patients, other.patients) < minimum
    found = effects(one, other)
    needed = found.number_needed
    for name, estimate, method in (
        ("risk_difference", found.difference, "newcombe"),
        ("risk_ratio", found.ratio, "katz"),
        ("odds_ratio", found.odds_ratio, "woolf"),
        (
            "number_needed",
            Estimate(needed.value, needed.lower, needed.upper, found.difference.n),
            "newcombe_inverse_disjoint" if needed.disjoint else "newcombe_inverse",
        ),
    ):
        yield Figure(
            metric=f"treatment_{name}",
            value=None if few else estimate.value,
            lower=estimate.lower,
            upper=estimate.upper,
            numerator=float(one.events),
            denominator=float(one.patients),
            n=one.patients + other.patients,
            method=method,
            status=INSUFFICIENT if few or estimate.value is None else OK,
            reference="others",
            p_adjusted=found.p_value,
        )


def _survival(
    rows: Sequence[Row], arms: NDArray[np.object_], chosen: list[str], minimum: int
) -> Iterator[Figure]:
    """Yield median times and the log-rank test, where times are given."""
    days = np.array([_number(row["followup_days"]) for row in rows])
    told = np.array([row["event_observed"] is not None for row in rows])
    happened = np.array([bool(row["event_observed"]) for row in rows])
    timed = np.isfinite(days) & told & (days >= 0)
    if not timed.any():
        return
    for name in chosen:
        kept = timed & (arms == name)
        curve = kaplan_meier(days[kept], happened[kept])
        few = curve.n < minimum or curve.median is None
        figure = Figure(
            metric="treatment_median_days",
            value=None if few else curve.median,
            lower=None,
            upper=None,
            numerator=float(curve.events),
            denominator=float(curve.n),
            n=curve.n,
            method="kaplan_meier",
            status=INSUFFICIENT if few else OK,
        )
        yield grouped(figure, "treatment", name)
    test = log_rank(days[timed], happened[timed], arms[timed].astype(str))
    few = test.statistic is None or timed.sum() < minimum
    yield Figure(
        metric="treatment_log_rank",
        value=None if few else test.statistic,
        lower=None,
        upper=None,
        numerator=float(happened[timed].sum()),
        denominator=float(timed.sum()),
        n=int(timed.sum()),
        method="log_rank",
        status=INSUFFICIENT if few else OK,
        p_adjusted=test.p_value,
    )


def _figure(
    metric: str, found: Estimate, total: float, method: str, minimum: int
) -> Figure:
    few = found.n < minimum or found.value is None
    return Figure(
        metric=metric,
        value=None if few else found.value,
        lower=found.lower,
        upper=found.upper,
        numerator=total,
        denominator=float(found.n),
        n=found.n,
        method=method,
        status=INSUFFICIENT if few else OK,
    )


def _success(row: Row) -> float:
    if row["result"] in _GOOD:
        return 1.0
    return 0.0 if row["result"] in _BAD else float("nan")


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
