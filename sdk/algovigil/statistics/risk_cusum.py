"""Risk-adjusted CUSUM: are there more events than the patients' risks explain?

Two one-sided charts, for odds multiplied and divided (Steiner, Cook, Farewell and
Treasure, Biostatistics 2000). The control limit follows from the wanted number of cases
between false alarms, never from a fixed number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_STATES: Final = 300  # of the Markov chain; 600 change the run length by under 1 %
_RISKS: Final = 20  # quantiles that stand for a distribution of risks


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart after each of n cases, and the cases at which it crossed its limit."""

    path: NDArray[np.float64]
    limit: float
    alarms: tuple[int, ...]


def weights(
    risks: ArrayLike, events: ArrayLike, odds_ratio: float
) -> NDArray[np.float64]:
    """Return the log likelihood ratio (n,) of odds times *odds_ratio* against 1.

    ln(R / (1 - p + R p)) for an event, -ln(1 - p + R p) otherwise.
    """
    p = np.asarray(risks, dtype=np.float64)
    y = np.asarray(events, dtype=np.float64) > 0
    base = np.log1p((odds_ratio - 1) * p)
    found: NDArray[np.float64] = np.where(y, np.log(odds_ratio), 0.0) - base
    return found


def chart(
    risks: ArrayLike, events: ArrayLike, odds_ratio: float, limit: float
) -> Chart:
    """Run C = max(0, C + W) over cases in order of time; an alarm starts it anew."""
    steps = weights(risks, events, odds_ratio)
    path = np.empty_like(steps)
    alarms: list[int] = []
    begin = 0
    # one turn an alarm, not one a case
    while begin < steps.size:
        total = np.cumsum(steps[begin:])
        part = total - np.minimum(np.minimum.accumulate(total), 0.0)
        over = np.flatnonzero(part > limit)
        end = begin + int(over[0]) + 1 if over.size else steps.size
        path[begin:end] = part[: end - begin]
        if over.size:
            alarms.append(end - 1)
        begin = end
    return Chart(path, limit, tuple(alarms))


def run_length(risks: ArrayLike, odds_ratio: float, limit: float) -> float:
    """Return the mean number of cases to a false alarm, for cases with these *risks*.

    Brook and Evans' Markov chain (Biometrika 1972); a distribution of risks is
    represented by its quantiles.
    """
    p = np.quantile(
        np.asarray(risks, dtype=np.float64), (np.arange(_RISKS) + 0.5) / _RISKS
    )
    step = np.concatenate(
        [weights(p, np.ones_like(p), odds_ratio), weights(p, 0 * p, odds_ratio)]
    )
    chance = np.concatenate([p, 1 - p]) / _RISKS
    width = 2 * limit / (2 * _STATES - 1)
    # a move that is no whole number of states goes to the two nearest, so that the
    # mean stays right; the rounding of one case would add up over thousands
    moves = step / width
    below = np.floor(moves).astype(int)
    upper = moves - below
    state = np.arange(_STATES)
    chain = np.zeros((_STATES, _STATES))
    for extra, part in ((0, 1 - upper), (1, upper)):
        target = np.maximum(state[:, None] + below[None, :] + extra, 0)
        inside = target < _STATES
        mass = np.broadcast_to(chance * part, target.shape)
        origin = np.broadcast_to(state[:, None], target.shape)
        np.add.at(chain, (origin[inside], target[inside]), mass[inside])
    lengths = np.linalg.solve(np.eye(_STATES) - chain, np.ones(_STATES))
    return float(lengths[0])


def limit_for(risks: ArrayLike, odds_ratio: float, wanted: float) -> float:
    """Return the limit whose `run_length` is *wanted* cases, to within 2 %."""
    low, high = 0.1, 1.0
    while run_length(risks, odds_ratio, high) < wanted and high < 32:
        low, high = high, high * 2
    for _ in range(24):
        middle = (low + high) / 2
        found = run_length(risks, odds_ratio, middle)
        if abs(found / wanted - 1) < 0.02:
            return middle
        low, high = (middle, high) if found < wanted else (low, middle)
    return high
