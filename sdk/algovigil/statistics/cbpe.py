"""Performance without labels, by the model's own calibrated risks (CBPE).

If a risk of p comes true in p of the cases, the confusion table that labels will fill
can be expected now. That holds while the risks stay calibrated (no concept drift) and
the cases are of a kind that the reference has seen (support); who shows an estimate
checks both and says that it is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from algovigil.statistics.auroc import auroc
from algovigil.statistics.calibration import ece, logistic
from algovigil.statistics.estimate import Estimate, unknown, usable
from algovigil.statistics.isotonic import Isotonic, isotonic

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

METRICS: Final = (
    "auroc",
    "diagnostic_accuracy",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "f1",
)
_SEPARATED: Final = 0.999  # above this area there is nothing left to calibrate
_SPLITS: Final = 10
_HELD_OUT: Final = 0.1
_DRAWS: Final = 400


@dataclass(frozen=True, slots=True)
class Calibration:
    """Labelled cases of a reference period, and how their scores become risks."""

    scores: NDArray[np.float64]
    positive: NDArray[np.bool_]
    curve: Isotonic | None
    """None: the scores are risks already, and better calibrated as they are."""

    def risks(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the risk of each score."""
        return np.clip(scores, 0.0, 1.0) if self.curve is None else self.curve(scores)


def calibrate(
    scores: ArrayLike, positive: ArrayLike, rng: np.random.Generator
) -> Calibration | None:
    """Learn risks from labelled cases (n,); None without two cases of each class.

    Isotonic regression is kept only where it lowers the ECE of cases that it was not
    fitted on, pooled over ten splits of 90 to 10, and where the classes overlap: the
    rule of NannyML. Scores outside [0, 1] are no risks and are always calibrated.
    """
    s, y = usable(scores, positive)
    truth = y > 0
    if min(truth.sum(), (~truth).sum()) < 2:
        return None
    area = auroc(s, truth).value
    assert area is not None, "both classes are there"
    if _are_risks(s) and (area > _SEPARATED or not _helps(s, truth, rng)):
        return Calibration(s, truth, None)
    return Calibration(s, truth, isotonic(s, truth))


def estimate(
    reference: Calibration,
    scores: ArrayLike,
    called: ArrayLike,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = _DRAWS,
) -> dict[str, Estimate]:
    """Return each of `METRICS` as expected for cases with *scores* (n,).

    *called* (n,) is true where the model calls the case positive. The band holds the
    figure that the labels of these very cases will give, with *confidence*: its
    spread is that of the labels given their risks, drawn as y ~ Bernoulli(p), and
    that of the calibration, which the reference knows only so well. A band from
    the standard error of the positives alone is about a third too narrow.
    """
    s, calls = usable(scores, called)
    n = s.size
    if n < 2:
        return dict.fromkeys(METRICS, unknown(n))
    order = np.argsort(s, kind="stable")
    s, z = s[order], calls[order] > 0
    risks = reference.risks(s)
    expected = _expected(risks[None, :], z)
    truths, refits = _truths(reference, s, rng, max(draws // 4, 50))
    labels = rng.random((draws, n)) < np.resize(truths, (draws, n))
    fitted = expected if refits is None else _expected(refits, z)
    realised = _realised(labels, z, _midranks(s))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    found = {}
    for metric in METRICS:
        value = float(expected[metric][0])
        # what labels do beyond their expectation, less what the calibration does
        error = realised[metric] - np.resize(fitted[metric], draws)
        error = error[np.isfinite(error)]
        if not np.isfinite(value) or error.size < draws // 2:
            found[metric] = unknown(n)
            continue
        low, high = (value + np.quantile(error, tails)).tolist()
        found[metric] = Estimate(
            value, min(max(low, 0.0), value), max(min(high, 1.0), value), n
        )
    return found


def expected_auroc(risks: ArrayLike, scores: ArrayLike) -> float:
    """Return the area that cases of these *risks* (n,) give when ranked by *scores*."""
    p, s = usable(risks, scores)
    return float(_area(p[np.argsort(s, kind="stable")][None, :])[0])


def _area(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area under each row's curve (k,); columns rise with the score."""
    falling = p[:, ::-1]
    true = np.cumsum(falling, axis=1)
    false = np.cumsum(1 - falling, axis=1)
    height = true - falling / 2
    area: NDArray[np.float64] = (height * (1 - falling)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return area / (true[:, -1] * false[:, -1])


def _expected(
    p: NDArray[np.float64], z: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    tp, fp = p @ z, (1 - p) @ z
    fn, tn = p @ ~z, (1 - p) @ ~z
    return _metrics(_area(p), tp, fp, fn, tn)


def _realised(
    labels: NDArray[np.bool_], z: NDArray[np.bool_], ranks: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    y = labels.astype(np.float64)
    n = ranks.size
    positives = y.sum(axis=1)
    tp = y @ z
    with np.errstate(divide="ignore", invalid="ignore"):
        area = (y @ ranks - positives * (positives + 1) / 2) / (
            positives * (n - positives)
        )
    fp = float(z.sum()) - tp
    return _metrics(area, tp, fp, positives - tp, n - positives - fp)


def _metrics(
    area: NDArray[np.float64],
    tp: NDArray[np.float64],
    fp: NDArray[np.float64],
    fn: NDArray[np.float64],
    tn: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    with np.errstate(divide="ignore", invalid="ignore"):
        values = (
            area,
            (tp + tn) / (tp + fp + fn + tn),
            tp / (tp + fn),
            tn / (tn + fp),
            tp / (tp + fp),
            tn / (tn + fn),
            2 * tp / (2 * tp + fp + fn),
        )
    return dict(zip(METRICS, values, strict=True))


def _midranks(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    low = np.searchsorted(ordered, ordered, side="left")
    high = np.searchsorted(ordered, ordered, side="right")
    found: NDArray[np.float64] = (low + high + 1) / 2
    return found


def _truths(
    reference: Calibration, s: NDArray[np.float64], rng: np.random.Generator, draws: int
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return true risks (draws, n) as the reference allows, and refits (draws, n).

    A smooth curve near the fitted one stands for the truth. Where isotonic risks are
    used, labels of the reference are drawn from it and the isotonic fit is repeated:
    what that adds on average is the fit's own excess of sharpness, its spread is the
    calibration's. Where scores are used as they are there is no fit, and the truth
    itself is drawn from what the reference leaves open.
    """
    smooth = _smooth(reference)
    if smooth is None:
        return np.broadcast_to(reference.risks(s), (draws, s.size)), None
    if reference.curve is None:
        return np.stack([smooth.drawn(s, rng) for _ in range(draws)]), None
    # sorted once: what changes from draw to draw is the number of events at a score
    knots, times = np.unique(reference.scores, return_counts=True)
    truth = smooth.risks(knots)
    refits = np.empty((draws, s.size))
    for row in refits:
        row[:] = isotonic(knots, rng.binomial(times, truth) / times, times)(s)
    return np.broadcast_to(smooth.risks(s), refits.shape), refits


@dataclass(frozen=True, slots=True)
class _Smooth:
    """A logistic curve of a few columns of the score."""

    design: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    known: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def risks(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._at(s, self.coefficients)

    def drawn(
        self, s: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return a curve that the reference may have come from as well."""
        drawn = rng.multivariate_normal(self.coefficients, self.covariance)
        return self._at(s, drawn)

    def _at(
        self, s: NDArray[np.float64], coefficients: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        eta = self.design(s, self.known) @ coefficients
        found: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(eta, -500, 500)))
        return found


def _smooth(reference: Calibration) -> _Smooth | None:
    """Return beta calibration (Kull et al., EJS 2017), or a quadratic logit."""
    known = reference.scores
    design = _beta if _are_risks(known) else _square
    y = reference.positive.astype(np.float64)
    fit = logistic(design(known, known), y, np.ones_like(y), np.zeros_like(y))
    return None if fit is None else _Smooth(design, known, fit[0], fit[1])


def _beta(s: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logarithms of risk and its rest; a rounded 0 is half the least."""
    least = float(known[known > 0].min(initial=0.5)) / 2
    most = float((1 - known[known < 1]).min(initial=0.5)) / 2
    p = np.clip(s, max(least, 1e-4), 1 - max(most, 1e-4))
    return np.column_stack([np.ones_like(p), np.log(p), -np.log(1 - p)])


def _square(s: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    z = (s - known.mean()) / (known.std() or 1.0)
    return np.column_stack([np.ones_like(z), z, z**2])


def _are_risks(scores: NDArray[np.float64]) -> bool:
    return bool(scores.min() >= 0 and scores.max() <= 1)


def _helps(
    s: NDArray[np.float64], truth: NDArray[np.bool_], rng: np.random.Generator
) -> bool:
    """Return whether isotonic risks beat the scores on cases held out."""
    raw, risks, seen = [], [], []
    sides = [np.flatnonzero(truth), np.flatnonzero(~truth)]
    for _ in range(_SPLITS):
        held = np.zeros(s.size, dtype=bool)
        for side in sides:
            size = max(round(side.size * _HELD_OUT), 1)
            held[rng.choice(side, size, replace=False)] = True
        curve = isotonic(s[~held], truth[~held])
        raw.append(s[held])
        risks.append(curve(s[held]))
        seen.append(truth[held])
    labels = np.concatenate(seen)
    before = ece(np.concatenate(raw), labels, draws=1).value
    after = ece(np.concatenate(risks), labels, draws=1).value
    assert before is not None
    assert after is not None
    return after < before
