"""What a model answered: labels, scores, the score of every class, values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

from algovigil.capture.columns import NAN, as_numbers

_MOST_CLASSES: Final = 256
_SUM_ERROR: Final = 1e-2  # of a hundred probabilities in half precision


@dataclass(frozen=True, slots=True)
class Outputs:
    """The answer for each captured row; an empty list where there is none."""

    labels: Sequence[str] = ()
    scores: Sequence[float] = ()
    values: Sequence[float] = ()
    classes: tuple[str, ...] = ()
    class_scores: Sequence[float] = ()
    """Of every class, row-major."""

    def over(self, before: Outputs) -> Outputs:
        """Return these answers, and where they say nothing, those *before*."""
        by_class = self if self.class_scores else before
        return Outputs(
            self.labels or before.labels,
            self.scores or before.scores,
            self.values or before.values,
            by_class.classes,
            by_class.class_scores,
        )


def text(label: Any) -> str:
    """Return a class label as text: `1`, not `1.0`; `true`, not `True`."""
    if isinstance(label, bool) or type(label).__name__ in ("bool_", "bool"):
        return str(label).lower()
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label)


def answer(result: Any) -> list[Any] | None:
    """Return *result*, what `hold.take` kept of an answer, as a plain list, or None."""
    if hasattr(result, "detach"):
        result = result.cpu()
    if hasattr(result, "toarray"):
        result = result.toarray()
    if hasattr(result, "to_numpy"):
        result = result.to_numpy()
    if isinstance(result, list):
        return result
    if not hasattr(result, "tolist"):
        return [result] if isinstance(result, (str, Real)) else None
    found: Any = result.tolist()
    return found if isinstance(found, list) else [found]


def predictions(rows: list[Any], *, regression: bool | None) -> Outputs | None:
    """Return predicted classes as labels, values of a regression as values.

    Args:
        rows: One value, or a list of one value, per row.
        regression: Whether the model predicts values; None does not know: then floats
            are scores and all else is labels.
    """
    if rows and isinstance(rows[0], list):
        if any(not isinstance(row, list) or len(row) != 1 for row in rows):
            return None  # several targets: no one of them is the prediction
        rows = [row[0] for row in rows]
    if regression is True or (regression is None and _are_floats(rows)):
        numbers = as_numbers(rows)
        if numbers is None:
            return None
        return Outputs(values=numbers) if regression else Outputs(scores=numbers)
    # int before Real: the check of an abstract class costs more than all the rest
    if not all(row is None or isinstance(row, (str, int, Real)) for row in rows):
        return None
    return Outputs(labels=["" if row is None else text(row) for row in rows])


def _are_floats(rows: list[Any]) -> bool:
    return bool(rows) and all(type(row) is float for row in rows)


def scored(rows: list[Any]) -> Outputs | None:
    """Return numbers, one a row, that are known to be scores."""
    found = predictions(rows, regression=True)
    return None if found is None else Outputs(scores=found.values)


def labelled(rows: list[Any]) -> Outputs | None:
    """Return answers that name their label: `{"label": "high", "score": 0.9}` each."""
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        return None
    labels = [row.get("label") for row in rows]
    scores = as_numbers([row.get("score") for row in rows])
    if scores is None or not all(isinstance(label, str) for label in labels):
        return None
    return Outputs(labels, scores)


def probabilities(rows: list[Any], classes: tuple[str, ...]) -> Outputs | None:
    """Return the probabilities of *classes*, a list per row, and the label they make.

    The score is the probability of the positive class, `classes[1]`, of two, and of
    the predicted class of more; the label is the class of the greatest probability.
    """
    width = len(rows[0]) if rows and isinstance(rows[0], list) else 0
    if any(not isinstance(row, list) or len(row) != width for row in rows):
        return None
    numbers = as_numbers([value for row in rows for value in row])
    if numbers is None:
        return None
    rows = [numbers[at : at + width] for at in range(0, len(numbers), width or 1)]
    if len(classes) != width:
        return Outputs(scores=[row[1] for row in rows]) if width == 2 else None
    every = Outputs(classes=classes, class_scores=numbers)
    if not 0 < width <= _MOST_CLASSES:
        every = Outputs()
    if width == 2:
        no, yes = classes
        labels = [yes if q > p else no if p >= q else "" for p, q in rows]
        return Outputs(labels, [q for _, q in rows]).over(every)
    best = [max(range(width), key=row.__getitem__) for row in rows] if width else []
    # a NaN compares with nothing: such a row has no greatest probability
    known = [not math.isnan(sum(row)) for row in rows]
    return Outputs(
        [classes[b] if ok else "" for b, ok in zip(best, known, strict=True)],
        [row[b] if ok else NAN for row, b, ok in zip(rows, best, known, strict=True)],
    ).over(every)


def are_shares(rows: list[list[Any]]) -> bool:
    """Return whether each of *rows* is numbers that sum to 1, as probabilities do."""
    for row in rows:
        numbers = as_numbers(row)
        if numbers is None or min(numbers, default=-1.0) < 0.0:
            return False
        if not abs(sum(numbers) - 1.0) < _SUM_ERROR:
            return False
    return True


def margins(rows: list[Any], classes: tuple[str, ...]) -> Outputs | None:
    """Return decision values: a score each, and a label where there are two classes.

    Of more classes there is none: how an estimator turns its values into one (ties,
    one against one) is its own affair.
    """
    if not all(isinstance(row, Real) for row in rows):
        return None
    if len(classes) != 2:
        return Outputs(scores=rows)
    no, yes = classes
    return Outputs([yes if row > 0 else no for row in rows], rows)
