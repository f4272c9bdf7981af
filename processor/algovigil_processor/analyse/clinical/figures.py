"""Clinical metrics of a cohort: every figure with its interval, counts and status.

Pure: a cohort in, figures out. Rows that stand for several count so in every sum, and
intervals use the effective sample size, so that no precision is made up.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK
from algovigil.statistics.auroc import auroc
from algovigil.statistics.calibration import brier, ece, in_the_large, recalibrate
from algovigil.statistics.confusion import Confusion
from algovigil.statistics.estimate import Estimate, effective_size
from algovigil.statistics.multiclass import kappa, macro_f1, macro_sensitivity
from algovigil.statistics.precision_recall import auprc, f1
from algovigil.statistics.predictive_values import at_prevalence
from algovigil.statistics.proportions import wilson
from algovigil.statistics.regression import errors
from algovigil_processor.analyse.clinical.words import NEGATIVE, POSITIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from algovigil_processor.analyse.clinical.cohort import Cohort

METHOD_VERSION: Final = "1"
"""Raised whenever a figure would come out differently for the same data."""
MAX_CLASSES: Final = 50
_MANY_VALUES: Final = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric. `value` is None unless `status` is `ok` or a warning."""

    metric: str
    value: float | None
    lower: float | None
    upper: float | None
    numerator: float
    denominator: float
    n: int
    method: str
    status: str = OK
    subgroup: tuple[str, str] = ("", "")
    reference: str = ""
    reference_value: float | None = None
    p_adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class Minimum:
    """Fewest rows that carry a figure."""

    total: int
    of_class: int


@dataclass(frozen=True, slots=True)
class Binary:
    """The rows of a cohort whose prediction and truth are both classes."""

    called: NDArray[np.bool_]
    sick: NDArray[np.bool_]
    known: NDArray[np.bool_]
    """Rows with a predicted class."""
    judged: NDArray[np.bool_]
    """Rows whose truth is a known class, so that their score can be judged."""

    @classmethod
    def of(cls, cohort: Cohort) -> Binary:
        """Take every word but the positive one for negative only if it is told."""
        told = cohort.is_told
        predicted = np.isin(cohort.predicted, (POSITIVE, NEGATIVE)) | told
        truth = np.isin(cohort.actual, (POSITIVE, NEGATIVE)) | told
        return cls(
            called=cohort.predicted == POSITIVE,
            sick=cohort.actual == POSITIVE,
            known=predicted & truth & (cohort.predicted != ""),
            judged=truth,
        )

    def table(self, weight: NDArray[np.float64]) -> Confusion:
        """Return weighted counts."""
        hit, w = self.known, weight
        return Confusion(
            float(w[hit & self.called & self.sick].sum()),
            float(w[hit & self.called & ~self.sick].sum()),
            float(w[hit & ~self.called & self.sick].sum()),
            float(w[hit & ~self.called & ~self.sick].sum()),
        )


def share(
    metric: str,
    hits: NDArray[np.bool_],
    among: NDArray[np.bool_],
    weight: NDArray[np.float64],
    minimum: int,
) -> Figure:
    """Return the weighted share of *among* that are *hits*, with Wilson's interval."""
    w = weight[among]
    n, total = int(among.sum()), float(w.sum())
    part = float(weight[among & hits].sum())
    if not total:
        return Figure(metric, None, None, None, 0.0, 0.0, 0, "wilson", INSUFFICIENT)
    size = effective_size(w)
    interval = wilson(min(part / total, 1.0) * size, size)
    assert interval is not None, "there are rows"
    enough = size >= minimum
    return Figure(
        metric=metric,
        value=part / total if enough else None,
        lower=interval.lower,
        upper=interval.upper,
        numerator=part,
        denominator=total,
        n=n,
        method="wilson",
        status=OK if enough else INSUFFICIENT,
    )


def rates(cohort: Cohort, minimum: Minimum) -> Iterator[Figure]:
    """Yield accuracy, sensitivity, specificity, ppv and npv, each on its own rows."""
    two, w = Binary.of(cohort), cohort.weight
    named = cohort.predicted != ""
    right = cohort.predicted == cohort.actual
    yield share("diagnostic_accuracy", right, named, w, minimum.total)
    k, least = two.known, minimum.of_class
    yield share("sensitivity", two.called, k & two.sick, w, least)
    yield share("specificity", ~two.called, k & ~two.sick, w, least)
    yield share("ppv", two.sick, k & two.called, w, least)
    yield share("npv", ~two.sick, k & ~two.called, w, least)


def area(cohort: Cohort, minimum: Minimum) -> Figure:
    """Return the AUROC with DeLong's interval."""
    two = Binary.of(cohort)
    rows = two.judged & np.isfinite(cohort.score)
    found = auroc(cohort.score[rows], two.sick[rows], cohort.weight[rows])
    few = min(found.positives, found.negatives) < minimum.of_class
    return Figure(
        metric="auroc",
        value=None if few else found.value,
        lower=found.lower,
        upper=found.upper,
        numerator=float(found.positives),
        denominator=float(found.positives + found.negatives),
        n=int(rows.sum()),
        method=found.method,
        status=INSUFFICIENT if few else found.status,
    )


def calibration(cohort: Cohort, minimum: Minimum) -> Iterator[Figure]:
    """Yield Brier, observed over expected, intercept, slope and ECE of the scores."""
    two = Binary.of(cohort)
    is_risk = (cohort.score >= 0) & (cohort.score <= 1)
    rows = two.judged & is_risk
    p, y, w = cohort.score[rows], two.sick[rows], cohort.weight[rows]
    sick = int(y.sum())
    few = min(sick, y.size - sick) < minimum.of_class
    events = float(w[y].sum()), float(w.sum())
    fit = recalibrate(p, y, w)
    slope_of = [
        ("brier", brier(p, y, w), "normal"),
        ("auprc", auprc(p, y, w), "logit"),
        ("calibration_in_the_large", in_the_large(p, y, w), "garwood"),
        ("calibration_intercept", fit.intercept, "logistic"),
        ("calibration_slope", fit.slope, "logistic"),
    ]
    for metric, found, method in slope_of:
        yield _of_estimate(metric, found, events, method, few=few)
    error = ece(p, y, w)
    yield Figure(
        metric="calibration_error",
        value=None if few else error.value,
        lower=None,
        upper=None,
        numerator=events[0],
        denominator=events[1],
        n=error.n,
        method="ece_equal_count_10",
        status=INSUFFICIENT if few or error.value is None else OK,
        reference="null_95",
        reference_value=error.null_95,
    )


def restated(cohort: Cohort, prevalence: float, minimum: Minimum) -> Iterator[Figure]:
    """Yield ppv and npv at the *prevalence* of the reference."""
    two = Binary.of(cohort)
    table = _effective(two.table(cohort.weight), cohort.weight[two.known])
    sick, well = table.tp + table.fn, table.fp + table.tn
    few = min(sick, well) < minimum.of_class
    for metric, found in zip(
        ("ppv_at_reference_prevalence", "npv_at_reference_prevalence"),
        at_prevalence(table, prevalence),
        strict=True,
    ):
        figure = _of_estimate(metric, found, (sick, sick + well), "logit", few=few)
        yield _referred(figure, "prevalence", prevalence)


def balanced(cohort: Cohort, minimum: Minimum) -> Iterator[Figure]:
    """Yield F1 and, over all classes, macro sensitivity, macro F1 and kappa."""
    two = Binary.of(cohort)
    if two.known.any():
        table = two.table(cohort.weight)
        found = f1(_effective(table, cohort.weight[two.known]))
        union = table.tp + table.fp + table.fn
        few = union < minimum.of_class
        counts = (table.tp, union)
        yield _of_estimate("f1", found, counts, "wilson_jaccard", few=few)
    named = cohort.predicted != ""
    words = sorted({*cohort.predicted[named], *cohort.actual[named]})
    if not named.any() or len(words) > MAX_CLASSES:
        return
    table_all = _contingency(cohort, named, words)
    total = float(table_all.sum())
    counts = (float(np.trace(table_all)), total)
    few = named.sum() < minimum.total
    yield _of_estimate("kappa", kappa(table_all), counts, "fleiss_1969", few=few)
    if len(words) > 2:
        macro = macro_sensitivity(table_all)
        yield _of_estimate("macro_sensitivity", macro, counts, "strata", few=few)
        value = macro_f1(table_all)
        alone = Estimate(value, None, None, int(named.sum()))
        yield _of_estimate("macro_f1", alone, counts, "none", few=few)
        yield from _per_class(cohort, words, minimum)


def numbers(cohort: Cohort, minimum: Minimum) -> Iterator[Figure]:
    """Yield bias, mae, rmse and R squared of predicted numbers."""
    rows = np.isfinite(cohort.number) & np.isfinite(cohort.truth)
    w = cohort.weight[rows]
    few = rows.sum() < minimum.total
    counts = (float(w.sum()), float(w.sum()))
    for metric, found in errors(cohort.number[rows], cohort.truth[rows], w).items():
        yield _of_estimate(metric, found, counts, "normal", few=few)


def is_numeric(cohort: Cohort) -> bool:
    """Return whether the model predicts numbers: many values, none of them a class."""
    truth = cohort.truth
    if not truth.size or np.isnan(truth).any() or not np.isfinite(cohort.number).any():
        return False
    distinct = np.unique(truth)
    return distinct.size > _MANY_VALUES or bool((distinct % 1 != 0).any())


def _per_class(cohort: Cohort, words: list[str], minimum: Minimum) -> Iterator[Figure]:
    named = cohort.predicted != ""
    for word in words:
        is_so, said = cohort.actual == word, cohort.predicted == word
        pairs = (
            share("sensitivity", said, named & is_so, cohort.weight, minimum.of_class),
            share("ppv", is_so, named & said, cohort.weight, minimum.of_class),
        )
        for figure in pairs:
            yield grouped(figure, "class", word)


def grouped(figure: Figure, key: str, value: str) -> Figure:
    """Return *figure* as that of a subgroup."""
    return _changed(figure, subgroup=(key, value))


def _referred(figure: Figure, reference: str, value: float) -> Figure:
    return _changed(figure, reference=reference, reference_value=value)


def _changed(figure: Figure, **changes: object) -> Figure:
    return dataclasses.replace(figure, **changes)  # type: ignore[arg-type] # our own fields


def _of_estimate(
    metric: str,
    found: Estimate,
    counts: tuple[float, float],
    method: str,
    *,
    few: bool,
) -> Figure:
    few = few or found.value is None
    return Figure(
        metric=metric,
        value=None if few else found.value,
        lower=found.lower,
        upper=found.upper,
        numerator=counts[0],
        denominator=counts[1],
        n=found.n,
        method=method,
        status=INSUFFICIENT if few else OK,
    )


def _effective(table: Confusion, weight: NDArray[np.float64]) -> Confusion:
    """Return *table* with as many cases as the weighted rows are worth."""
    total = float(weight.sum())
    scale = effective_size(weight) / total if total else 0.0
    return Confusion(*(x * scale for x in (table.tp, table.fp, table.fn, table.tn)))


def _contingency(
    cohort: Cohort, named: NDArray[np.bool_], words: list[str]
) -> NDArray[np.float64]:
    place = {word: i for i, word in enumerate(words)}
    distinct_p, at_p = np.unique(
        cohort.predicted[named].astype(str), return_inverse=True
    )
    distinct_a, at_a = np.unique(cohort.actual[named].astype(str), return_inverse=True)
    p = np.array([place[w] for w in distinct_p.tolist()])[at_p]
    a = np.array([place[w] for w in distinct_a.tolist()])[at_a]
    size = len(words)
    flat = np.bincount(a * size + p, cohort.weight[named], size * size)
    found: NDArray[np.float64] = flat.astype(np.float64).reshape(size, size)
    return found
