"""Control charts with a stated average run length (ARL): looks until a false alarm.

Between a raw test, repeated at every look, and an alarm stands a chart, so that
what is promised is a rate of false alarms over a year of looks and not per look.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_STATES: Final = 400  # of the Markov chain: three digits of the run length
_SMALLEST_P: Final = 1e-300


@dataclass(frozen=True, slots=True)
class Chart:
    """The value after each look, the limit, and the looks at or above it."""

    values: NDArray[np.float64]
    limit: float
    average_run_length: float
    """Expected looks until a false alarm: of CUSUM by its Markov chain, of the
    e-process a guaranteed lower bound."""

    @property
    def alarms(self) -> NDArray[np.intp]:
        """The looks that alarm (a,), in order."""
        return np.flatnonzero(self.values >= self.limit)


def cusum_run_length(limit: float, slack: float = 0.5, *, sides: int = 2) -> float:
    """Return the in-control ARL of a tabular CUSUM on standard normal scores.

    By the Markov chain of Brook and Evans (Biometrika 1972); two sides combine as
    1 / ARL = 1 / ARL+ + 1 / ARL- (Kemp 1961).
    """
    from scipy.special import ndtr

    width = 2 * limit / (2 * _STATES - 1)
    steps = np.arange(_STATES)
    # from state i the chart moves to state j when the score is within half a width
    reach = (steps[None, :] - steps[:, None]) * width + slack
    transition = ndtr(reach + width / 2) - ndtr(reach - width / 2)
    transition[:, 0] = ndtr(reach[:, 0] + width / 2)
    lengths = np.linalg.solve(np.eye(_STATES) - transition, np.ones(_STATES))
    return float(lengths[0]) / sides


@lru_cache(maxsize=64)
def cusum_limit(
    average_run_length: float, slack: float = 0.5, *, sides: int = 2
) -> float:
    """Return the limit h whose in-control ARL is *average_run_length*."""
    from scipy.optimize import brentq

    def excess(limit: float) -> float:
        return log(cusum_run_length(limit, slack, sides=sides) / average_run_length)

    # Siegmund's approximation (1985, eq. 2.56) without its -1.166, and a little more:
    # a much wider bracket reaches run lengths near 1 / machine precision, where the
    # chain is singular.
    highest = log(2 * sides * slack**2 * average_run_length + 1) / (2 * slack) + 2
    return float(brentq(excess, 0.01, highest, xtol=1e-4))


def cusum(scores: ArrayLike, average_run_length: float, slack: float = 0.5) -> Chart:
    """Chart standard *scores* (t,) on both sides (Page, Biometrika 1954).

    C+ = max(0, C+ + z - k) and its mirror, against a target fixed beforehand; the
    value is the larger of the two. A score that is not a number leaves the chart as
    it was: a look without data is no evidence.
    """
    z = np.nan_to_num(np.asarray(scores, dtype=np.float64).ravel(), nan=0.0)
    high = low = 0.0
    values = np.empty(z.size)
    for look, score in enumerate(z.tolist()):  # looks, not rows: a few hundred
        high, low = max(0.0, high + score - slack), max(0.0, low - score - slack)
        values[look] = max(high, low)
    return Chart(values, cusum_limit(average_run_length, slack), average_run_length)


def binomial_scores(
    events: ArrayLike, rows: ArrayLike, reference: tuple[int, int]
) -> NDArray[np.float64]:
    """Return standard scores (t,) of *events* among *rows* against a reference rate.

    z = (x/n - p) / sqrt(p (1 - p) (1/n + 1/n0)) with p = (x0 + 1/2) / (n0 + 1): the
    reference rate is itself estimated, and that is part of the variance. NaN where a
    look has no rows.
    """
    x, n = (np.asarray(v, dtype=np.float64).ravel() for v in (events, rows))
    before, total = reference
    rate = (before + 0.5) / (total + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(rate * (1 - rate) * (1 / n + 1 / max(total, 1)))
        return np.where(n > 0, (x / n - rate) / deviation, np.nan)


def e_value(p_value: float) -> float:
    """Return evidence from a p-value: 1 / (2 sqrt(p)).

    Its mean is at most 1 under no shift (the calibrator with kappa 1/2 of Vovk and
    Wang, Annals of Statistics 2021), so that it may be multiplied over looks.
    """
    return 0.5 / sqrt(max(p_value, _SMALLEST_P))


def next_evidence(evidence: float, p_value: float) -> float:
    """Return the e-detector after one more look: e (1 + evidence before).

    The Shiryaev-Roberts form of Shin, Ramdas and Rinaldo (New England J. Stat. Data
    Sci. 2023): an alarm at 1/alpha has an ARL of at least 1/alpha looks, for any
    dependence of the tests within a look.
    """
    return min(e_value(p_value) * (1.0 + evidence), 1e300)


def e_process(p_values: ArrayLike, average_run_length: float) -> Chart:
    """Chart one p-value a look (t,); an alarm at *average_run_length* or above."""
    evidence = 0.0
    values = []
    for p_value in np.asarray(p_values, dtype=np.float64).ravel().tolist():
        evidence = next_evidence(evidence, p_value)
        values.append(evidence)
    return Chart(np.array(values), average_run_length, average_run_length)


def rate_evidence(
    outcomes: ArrayLike, bound: float, bets: int = 20
) -> NDArray[np.float64]:
    """Return the running evidence (t,) that a rate exceeds *bound*.

    E_t = mean over bets l of prod (1 + l (x_i - bound)), l in (0, 1/bound), for
    outcomes x in [0, 1] with mean at most *bound* (Waudby-Smith and Ramdas, JRSS B
    2024). By Ville's inequality it reaches 1/alpha with a chance of at most alpha,
    however often it is looked at.
    """
    x = np.asarray(outcomes, dtype=np.float64).ravel()
    stakes = (np.arange(1, bets + 1) / (bets + 1)) / bound
    logs = np.cumsum(np.log1p(stakes[:, None] * (x[None, :] - bound)), axis=1)
    return np.exp(np.minimum(logs, 700.0)).mean(axis=0)
