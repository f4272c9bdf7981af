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
from algovigil.statistics.calibration import ece, equal_bins, expit, logistic
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
_GROUPS: Final = 10
_MISFIT: Final = 0.01
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Calibration:
    """Labelled cases of a reference period, and how their scores become risks."""

    scores: NDArray[np.float64]
    positive: NDArray[np.bool_]
    curve: Isotonic | None
    """None: the scores are risks already, and better calibrated as they are."""
    smooth: _Smooth | None
    """A curve of a few coefficients; None where the classes do not overlap."""

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
    smooth = _smooth(s, truth)
    if _are_risks(s) and (area > _SEPARATED or not _helps(s, truth, rng)):
        return Calibration(s, truth, None, smooth)
    return Calibration(s, truth, isotonic(s, truth), smooth)


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
    figure that the labels of these very cases will give, with *confidence*: it is
    drawn from the risks that the reference leaves possible and, given them, from
    the labels, y ~ Bernoulli(p). A band from the standard error of the positives
    alone is about a third too narrow.
    """
    s, calls = usable(scores, called)
    n = s.size
    if n < 2:
        return dict.fromkeys(METRICS, unknown(n))
    order = np.argsort(s, kind="stable")
    s, z = s[order], calls[order] > 0
    expected = _expected(reference.risks(s)[None, :], z)
    smooth = reference.smooth
    if smooth is None:
        possible = np.broadcast_to(reference.risks(s), (draws, n))
        centre = expected
    else:
        possible = smooth.drawn(s, rng, draws)
        # where the smooth curve fits, the choice between two others, made on the same
        # cases, and the excess sharpness of an isotonic fit have no share in the band
        centre = expected if smooth.fits else _expected(smooth.risks(s)[None, :], z)
    realised = _realised(rng.random((draws, n)) < possible, z, _midranks(s))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    found = {}
    for metric in METRICS:
        value = float(expected[metric][0])
        drawn = realised[metric] + value - float(centre[metric][0])
        drawn = drawn[np.isfinite(drawn)]
        if not np.isfinite(value) or drawn.size < draws // 2:
            found[metric] = unknown(n)
            continue
        # of few draws the usual quantiles lie too far in; these hold what they say
        low, high = np.quantile(drawn, tails, method="weibull").tolist()
        low, high = max(low, 0.0), min(high, 1.0)
        found[metric] = Estimate(value, min(low, value), max(high, value), n)
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


@dataclass(frozen=True, slots=True)
class _Smooth:
    """A logistic curve of a few columns of the score."""

    design: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    known: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    fits: bool
    """Whether nothing in the known cases speaks against the curve."""

    def risks(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the risk (n,) of each score by the curve itself."""
        return expit(self.design(s, self.known) @ self.coefficients)

    def drawn(
        self, s: NDArray[np.float64], rng: np.random.Generator, draws: int
    ) -> NDArray[np.float64]:
        """Return curves (draws, n) that the known cases may have come from as well."""
        coefficients = rng.multivariate_normal(
            self.coefficients, self.covariance, draws
        )
        return expit(coefficients @ self.design(s, self.known).T)


def _smooth(known: NDArray[np.float64], positive: NDArray[np.bool_]) -> _Smooth | None:
    """Return beta calibration (Kull et al., EJS 2017), or a quadratic logit."""
    design = _beta if _are_risks(known) else _square
    y = positive.astype(np.float64)
    fit = logistic(design(known, known), y, np.ones_like(y), np.zeros_like(y))
    if fit is None:
        return None
    coefficients, covariance, eta = fit
    fits = _fit(expit(eta), y) > _MISFIT
    return _Smooth(design, known, coefficients, covariance, fits)


def _fit(risks: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the p-value of the *risks* (n,) that were fitted to labels *y* (n,).

    Hosmer and Lemeshow, Communications in Statistics A9 (1980): observed against
    expected events in ten groups of about equal size.
    """
    from scipy.special import chdtrc

    # ten numbers, whatever the number of cases
    excess = [
        float(
            (y[g].sum() - risks[g].sum()) ** 2
            / max(float(risks[g] @ (1 - risks[g])), _TINY)
        )
        for g in equal_bins(risks, _GROUPS)
    ]
    return float(chdtrc(max(len(excess) - 2, 1), sum(excess)))


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
