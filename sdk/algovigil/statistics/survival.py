"""Time to an event with censoring: Kaplan-Meier curves and the log-rank test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from algovigil.statistics import INSUFFICIENT, OK, Status
from algovigil.statistics.estimate import quantile, usable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Survival:
    """A curve: after each of `times` (k,) this share is still without the event."""

    times: NDArray[np.float64]
    share: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    median: float | None
    """First time at which half had the event; None where it was never reached."""
    n: int
    events: int


@dataclass(frozen=True, slots=True)
class LogRank:
    """Observed against expected events of each group."""

    statistic: float | None
    p_value: float | None
    freedom: int
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    status: Status


def kaplan_meier(
    times: ArrayLike, happened: ArrayLike, confidence: float = 0.95
) -> Survival:
    """Return the product-limit estimate of *times* (n,); *happened* 0 is censored.

    Greenwood's variance on the log-log scale (Kalbfleisch and Prentice 1980), so that
    the band stays within [0, 1]. Negative times take no part.
    """
    t, occurred = usable(times, happened)
    t, d = t[t >= 0], occurred[t >= 0] > 0
    moments, died = np.unique(t[d], return_counts=True)
    at_risk = t.size - np.searchsorted(np.sort(t), moments, side="left")
    share = np.cumprod(1 - died / at_risk, dtype=np.float64)
    left = at_risk - died
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(left > 0, died / (at_risk * np.maximum(left, 1)), np.inf)
        error = np.sqrt(np.cumsum(terms)) / np.abs(np.log(share))
        factor = np.exp(quantile(confidence) * error)
        lower, upper = share**factor, share ** (1 / factor)
    gone = ~np.isfinite(factor) if moments.size else np.zeros(0, dtype=bool)
    reached = np.flatnonzero(share <= 0.5)
    return Survival(
        times=moments,
        share=share,
        lower=np.where(gone, 0.0, lower),
        upper=np.where(gone, share, upper),
        at_risk=at_risk.astype(np.int64),
        median=float(moments[reached[0]]) if reached.size else None,
        n=t.size,
        events=int(d.sum()),
    )


def log_rank(times: ArrayLike, happened: ArrayLike, groups: ArrayLike) -> LogRank:
    """Test whether the *groups* (n,) have one curve (Mantel 1966; Peto and Peto 1972).

    Chi-square with one degree less than there are groups; without events, or with one
    group, `insufficient_data`.
    """
    labels, group = np.unique(np.asarray(groups).ravel(), return_inverse=True)
    t, occurred, g = usable(times, happened, group)
    d = occurred > 0
    size = labels.size
    moments = np.unique(t[d])
    if size < 2 or not moments.size or np.unique(g).size < 2:
        return LogRank(None, None, max(size - 1, 0), (), (), INSUFFICIENT)
    at_risk = np.stack([_at_risk(t[g == i], moments) for i in range(size)])
    died = np.stack([_at(t[(g == i) & d], moments) for i in range(size)])
    total, deaths = at_risk.sum(axis=0), died.sum(axis=0)
    expected = at_risk * deaths / total
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(
            total > 1, deaths * (total - deaths) / (total**2 * (total - 1)), 0.0
        )
    weighted = at_risk * factor
    covariance = np.diag((weighted * total).sum(axis=1)) - weighted @ at_risk.T
    gap = (died - expected).sum(axis=1)[:-1]
    inverse = np.linalg.pinv(covariance[:-1, :-1])
    statistic = float(gap @ inverse @ gap)
    from scipy.special import chdtrc

    return LogRank(
        statistic=statistic,
        p_value=float(chdtrc(size - 1, statistic)),
        freedom=size - 1,
        observed=tuple(died.sum(axis=1).tolist()),
        expected=tuple(expected.sum(axis=1).tolist()),
        status=OK,
    )


def _at_risk(
    times: NDArray[np.float64], moments: NDArray[np.float64]
) -> NDArray[np.float64]:
    ordered = np.sort(times)
    left: NDArray[np.float64] = ordered.size - np.searchsorted(
        ordered, moments, side="left"
    ).astype(np.float64)
    return left


def _at(
    times: NDArray[np.float64], moments: NDArray[np.float64]
) -> NDArray[np.float64]:
    ordered = np.sort(times)
    found: NDArray[np.float64] = (
        np.searchsorted(ordered, moments, side="right")
        - np.searchsorted(ordered, moments, side="left")
    ).astype(np.float64)
    return found
