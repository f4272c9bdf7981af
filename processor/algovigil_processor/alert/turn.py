"""What evaluation hands to delivery: an incident that began to fire, or that ended.

Turns are written and announced in one transaction, so that what is told is what is
kept. Nothing of delivery reaches back: a silence or an acknowledgement never changes
what a condition came to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from algovigil_processor.alert.evaluate.lifecycle import Identity
    from algovigil_processor.alert.rules.tree import Expr

Severity: TypeAlias = Literal["critical", "warning", "info"]
Ending: TypeAlias = Literal["", "condition_false", "rule_removed", "manual"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of one incident; `ending` is '' while it fires.

    Times are Unix nanoseconds, 0 for not yet. `values` are the terms of the condition,
    written without selectors, and what they came to. A `replayed` turn happened while
    this processor was away.
    """

    identity: Identity
    incident_id: str
    severity: Severity
    channels: tuple[str, ...]
    since_ns: int
    fired_ns: int
    resolved_ns: int = 0
    ending: Ending = ""
    condition: Expr | None = None
    values: tuple[tuple[str, float | None], ...] = ()
    replayed: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the incident ended."""
        return bool(self.ending)
