"""Checks of tests: is their level kept, are their p-values uniform, is there power?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy import stats
from tests.validation.checks import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHANCE = 1e-3
"""A claim that is true is refuted by its simulation in one of so many rows."""


def at_level(
    subject: str, setting: str, alarms: int, runs: int, level: float, *, exact: bool
) -> Check:
    """Claim that *alarms* of *runs* are at *level* (*exact*), or at or below it."""
    low, high = stats.binom.ppf([_CHANCE / 2, 1 - _CHANCE / 2], runs, level)
    holds = bool(alarms <= high and (alarms >= low or not exact))
    stated = f"{level:.1%}" if exact else f"at most {level:.1%}"
    return Check(subject, setting, runs, stated, f"{alarms / runs:.1%}", holds)


def uniform(subject: str, setting: str, p_values: Sequence[float]) -> Check:
    """Claim that *p_values* are uniform on (0, 1)."""
    found = stats.kstest(p_values, "uniform")
    achieved = f"largest gap {found.statistic:.3f}, p {found.pvalue:.2f}"
    holds = bool(found.pvalue > _CHANCE)
    return Check(subject, setting, len(p_values), "uniform", achieved, holds)
