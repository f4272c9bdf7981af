"""One claim, the figure that was stated for it, and the figure that was achieved."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the table in docs/validation.md."""

    subject: str
    setting: str
    runs: int
    stated: str
    achieved: str
    holds: bool


def share(
    subject: str, setting: str, hits: int, runs: int, stated: tuple[float, float]
) -> Check:
    """Return a claim that a share lies within *stated*, up to 3 binomial errors."""
    low, high = stated
    found = hits / runs

    def slack(p: float) -> float:
        return float(3 * (p * (1 - p) / runs) ** 0.5)

    return Check(
        subject,
        setting,
        runs,
        f"{100 * low:.1f} to {100 * high:.1f} %",
        f"{100 * found:.1f} %",
        low - slack(low) <= found <= high + slack(high),
    )


def table(checks: list[Check]) -> str:
    """Return *checks* as a table of Markdown."""
    lines = [
        "| what | setting | runs | stated | achieved | |",
        "|---|---|---:|---|---|---|",
    ]
    lines += [
        f"| {c.subject} | {c.setting} | {c.runs} | {c.stated} | {c.achieved} "
        f"| {'holds' if c.holds else '**does not hold**'} |"
        for c in checks
    ]
    return "\n".join(lines) + "\n"
