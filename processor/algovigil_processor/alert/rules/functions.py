"""The functions of the language, once: what each asks for and what it measures.

Those over samples read the series that a metric left in the window. Names and meanings
are those of PromQL's `*_over_time` functions where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from algovigil_processor.alert.rules.metrics import METRICS, QUANTILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil_processor.alert.rules.metrics import Kind

Function: TypeAlias = Literal[
    "avg",
    "min",
    "max",
    "sum",
    "count",
    "stddev",
    "quantile",
    "rate",
    "delta",
    "burn_rate",
]
LEVELS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""The quantiles that one query computes for every rule at once."""

ABSENT: Final = "absent"
"""The one function that is true or false: nothing was seen in the window."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function returns (None: what its metric measures) and takes."""

    kind: Kind | None = None
    has_argument: bool = False
    only: frozenset[str] = frozenset(METRICS)


_COUNTS: Final = frozenset(name for name, m in METRICS.items() if m.kind == "count")

FUNCTIONS: Final[Mapping[Function, Signature]] = {
    "avg": Signature(),
    "min": Signature(),
    "max": Signature(),
    "sum": Signature(only=_COUNTS),
    "count": Signature("count"),
    "stddev": Signature(),
    "quantile": Signature(has_argument=True),
    "rate": Signature("rate", only=frozenset(("request_count",))),
    "delta": Signature(),
    "burn_rate": Signature(
        "number",
        has_argument=True,
        only=frozenset(("error_rate", "availability", *QUANTILES)),
    ),
}
SAMPLED: Final[frozenset[str]] = frozenset(
    ("avg", "min", "max", "sum", "count", "stddev", "quantile")
)


def budget(metric: str, objective: float) -> float:
    """Return the share of calls that may be bad for *metric* to meet *objective*."""
    if metric == "availability":
        return 1.0 - objective
    return 1.0 - QUANTILES[metric] if metric in QUANTILES else objective
