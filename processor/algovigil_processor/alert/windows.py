"""Maintenance windows that come again, by the clocks of a place.

A window is from one wall-clock time to another on certain days. A clock that is put
forward skips times: a time that is skipped counts as the moment of the jump. One that
is put back shows times twice: the first showing counts, so that a mute is never longer
than its clocks say. Source of the zones: the IANA time zone database (PEP 615).
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from algovigil.config.notify import DAYS
from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.labels import Matcher, matchers

if TYPE_CHECKING:
    from algovigil.config import Maintenance

_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance window; `start` and `end` are minutes after midnight.

    `end` may be up to two days: that of a window over midnight.
    """

    name: str
    matchers: tuple[Matcher, ...]
    weekdays: frozenset[int]
    days_of_month: frozenset[int]
    start: int
    end: int
    zone: ZoneInfo

    def running(self, now_ns: int) -> bool:
        """Tell whether the window is open at *now_ns*: from its start, to its end."""
        now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
        today = now.astimezone(self.zone).date()
        # a window over midnight began yesterday, or the day before a skipped date
        return any(self._covers(today - back * _DAY, now) for back in range(3))

    def _covers(self, day: date, now: datetime) -> bool:
        if self.weekdays and day.weekday() not in self.weekdays:
            return False
        length = calendar.monthrange(day.year, day.month)[1]
        if self.days_of_month and not (
            {day.day, day.day - length - 1} & self.days_of_month
        ):
            return False
        return self._moment(day, self.start) <= now < self._moment(day, self.end)

    def _moment(self, day: date, minutes: int) -> datetime:
        days, minutes = divmod(minutes, 1440)
        wall = datetime.combine(day + days * _DAY, time(*divmod(minutes, 60)))
        return moment(wall, self.zone)


def moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks of *zone* first show *wall*, or pass it by a jump."""
    first = wall.replace(tzinfo=zone, fold=0)
    at = first.astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == wall:
        return at
    # PEP 495: for a skipped time the two folds lie on either side of the jump
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after, shift = at, first.utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == shift:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def window(declared: Maintenance) -> Window:
    """Check one window of the settings.

    Raises:
        ConfigError: its clock times, its zone or its matchers cannot be obeyed.
    """
    where = f"maintenance {declared.name!r}"
    start, end = (_minutes(text, where) for text in (declared.start, declared.end))
    return Window(
        declared.name,
        # no matchers: all that this processor watches is under maintenance
        matchers(declared.matchers, where) if declared.matchers else (),
        frozenset(DAYS.index(day) for day in declared.days),
        frozenset(declared.days_of_month),
        start,
        end if end > start else end + 1440,
        _zone(declared.zone, where),
    )


def _minutes(text: str, where: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise ConfigError(
            explain(f"{where}: time {text!r}", "`HH:MM` from 00:00 to 24:00, in quotes")
        )
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _zone(name: str, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            explain(f"{where}: zone {name!r}", "an IANA zone like `Europe/Berlin`")
        ) from None
