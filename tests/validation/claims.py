"""A claim, what was achieved, and whether that is within simulation error of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHANCE = 1e-3
"""A claim that holds is refuted by its simulation in one of so many lines."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of the table."""

    name: str
    setting: str
    promised: str
    achieved: str
    holds: bool


def at_level(
    name: str, setting: str, alarms: int, runs: int, level: float, *, exact: bool
) -> Claim:
    """Claim that *alarms* of *runs* are at *level* (*exact*), or at or below it."""
    low, high = stats.binom.ppf([_CHANCE / 2, 1 - _CHANCE / 2], runs, level)
    holds = alarms <= high and (alarms >= low or not exact)
    sign = "" if exact else "at most "
    return Claim(
        name,
        f"{setting}; {runs} runs",
        f"{sign}{level:.2%}",
        f"{alarms / runs:.2%}",
        bool(holds),
    )


def uniform(name: str, setting: str, p_values: Sequence[float]) -> Claim:
    """Claim that *p_values* are uniform on (0, 1)."""
    found = stats.kstest(p_values, "uniform")
    return Claim(
        name,
        f"{setting}; {len(p_values)} runs",
        "uniform",
        f"largest gap {found.statistic:.3f}, p {found.pvalue:.3f}",
        bool(found.pvalue > _CHANCE),
    )


def at_least(name: str, setting: str, share: float, wanted: float) -> Claim:
    """Claim that a *share* is at least *wanted*."""
    return Claim(
        name, setting, f"at least {wanted:.0%}", f"{share:.0%}", share >= wanted
    )


def table(claims: Sequence[Claim]) -> str:
    """Return *claims* as a table of Markdown."""
    lines = ["| claim | setting | promised | achieved | |", "|---|---|---|---|---|"]
    lines += [
        f"| {c.name} | {c.setting} | {c.promised} | {c.achieved} "
        f"| {'holds' if c.holds else '**does not hold**'} |"
        for c in claims
    ]
    return "\n".join(lines)
