"""The settings of notification, checked once and read into what the rules work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from algovigil_processor.alert.group import Timing
from algovigil_processor.alert.suppress import inhibit
from algovigil_processor.alert.windows import window

if TYPE_CHECKING:
    from algovigil.config import Alerts, Escalation
    from algovigil_processor.alert.suppress import Inhibit
    from algovigil_processor.alert.windows import Window

_SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class Notifying:
    """How incidents become messages."""

    by: tuple[str, ...]
    most: int
    timing: Timing
    inhibits: tuple[Inhibit, ...]
    windows: tuple[Window, ...]
    escalation: Escalation


def notifying(alerts: Alerts, escalation: Escalation) -> Notifying:
    """Check the settings.

    Raises:
        ConfigError: a matcher, a time or a zone cannot be obeyed.
    """
    grouping = alerts.grouping
    return Notifying(
        grouping.by,
        grouping.most,
        Timing(
            *(
                int(seconds * _SECOND_NS)
                for seconds in (grouping.wait, grouping.interval, grouping.repeat)
            )
        ),
        tuple(inhibit(one, number) for number, one in enumerate(alerts.inhibitions)),
        tuple(window(one) for one in alerts.maintenance),
        escalation,
    )
