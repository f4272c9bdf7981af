"""Figures by site, sex, age band, device and more, and the gaps between them.

All gaps of one version and evaluation are one family, so that the worst of many equal
subgroups is not a finding.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK
from algovigil.statistics.auroc import compare_unpaired
from algovigil.statistics.estimate import effective_size
from algovigil.statistics.gaps import Gap, adjusted, proportion_gap
from algovigil_processor.analyse.clinical.cohort import MAX_LEVELS, Size
from algovigil_processor.analyse.clinical.figures import (
    Binary,
    Figure,
    Minimum,
    area,
    calibration,
    grouped,
    rates,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from algovigil_processor.analyse.clinical.cohort import Cohort

WARNING: Final = "warning"
_COMPARED: Final = ("diagnostic_accuracy", "sensitivity", "specificity", "ppv")
_CALIBRATED: Final = ("calibration_in_the_large", "brier")


def levels(cohort: Cohort) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Yield each subgroup as key, value and rows; the most frequent values of a key."""
    for key, values in cohort.groups.items():
        names, counts = np.unique(values[values != ""].astype(str), return_counts=True)
        for at in np.argsort(-counts, kind="stable")[:MAX_LEVELS]:
            yield key, str(names[at]), values == names[at]


def by_subgroup(cohort: Cohort, minimum: Minimum) -> Iterator[Figure]:
    """Yield the main figures of every subgroup."""
    for key, value, inside in levels(cohort):
        predictions = cohort.size.by_group.get((key, value))
        size = Size(inferences=predictions if predictions is not None else np.nan)
        part = cohort.where(inside, size)
        figures = [*rates(part, minimum), area(part, minimum)]
        figures += [f for f in calibration(part, minimum) if f.metric in _CALIBRATED]
        for figure in figures:
            yield grouped(figure, key, value)


def gaps(cohort: Cohort, minimum: Minimum, alpha: float, floor: float) -> list[Figure]:
    """Return each subgroup's figure minus everyone else's, adjusted over all (Holm).

    `warning` where the adjusted p-value is under *alpha* and the subgroup is worse by
    *floor* or more.
    """
    found: list[tuple[Figure, Gap]] = []
    for key, value, inside in levels(cohort):
        known = cohort.groups[key] != ""
        if not (known & ~inside).any():
            continue
        part, rest = cohort.where(inside), cohort.where(known & ~inside)
        for metric, gap in _gaps(part, rest, minimum):
            figure = Figure(
                metric=f"{metric}_gap",
                value=gap.difference,
                lower=gap.lower,
                upper=gap.upper,
                numerator=float(len(part)),
                denominator=float(len(part) + len(rest)),
                n=len(part) + len(rest),
                method="delong" if metric == "auroc" else "newcombe",
                status=OK if gap.difference is not None else INSUFFICIENT,
                reference="others",
            )
            found.append((grouped(figure, key, value), gap))
    p_values = adjusted([gap for _, gap in found])
    return [
        dataclasses.replace(
            figure,
            p_adjusted=p_value,
            status=WARNING
            if _matters(figure.value, p_value, alpha, floor)
            else figure.status,
        )
        for (figure, _), p_value in zip(found, p_values, strict=True)
    ]


def _matters(
    gap: float | None, p_value: float | None, alpha: float, floor: float
) -> bool:
    if gap is None or p_value is None:
        return False
    # only what is worse: the others of one bad subgroup are all better than the rest
    return p_value < alpha and gap <= -floor


def _gaps(part: Cohort, rest: Cohort, minimum: Minimum) -> Iterator[tuple[str, Gap]]:
    theirs = {figure.metric: figure for figure in rates(rest, minimum)}
    for figure in rates(part, minimum):
        if figure.metric not in _COMPARED:
            continue
        other = theirs[figure.metric]
        least = minimum.of_class
        sides = (_sized(figure, part), _sized(other, rest))
        yield figure.metric, proportion_gap(*sides, least)
    two, others = Binary.of(part), Binary.of(rest)
    kept, left = (
        side.judged & np.isfinite(c.score) for side, c in ((two, part), (others, rest))
    )
    sick = (two.sick[kept], others.sick[left])
    few = min(min(s.sum(), (~s).sum()) for s in sick) < minimum.of_class
    compared = compare_unpaired(
        (part.score[kept], sick[0]),
        (rest.score[left], sick[1]),
        (part.weight[kept], rest.weight[left]),
    )
    nothing = Gap(None, None, None, None)
    yield (
        "auroc",
        nothing
        if few
        else Gap(compared.difference, compared.lower, compared.upper, compared.p_value),
    )


def _sized(figure: Figure, cohort: Cohort) -> tuple[float, float]:
    """Return (successes, trials) worth as much as the weighted rows."""
    if not figure.denominator:
        return 0.0, 0.0
    worth = effective_size(cohort.weight) / float(cohort.weight.sum())
    return figure.numerator * worth, figure.denominator * worth
