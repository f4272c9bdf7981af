"""Maintenance windows by the clocks of a place: jumps both ways, leap days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algovigil.config import Maintenance
from algovigil.errors import ConfigError
from algovigil_processor.alert.windows import moment, window

MINUTE = timedelta(minutes=1)


def ns(at: datetime) -> int:
    """Unix nanoseconds of *at*."""
    return int(at.timestamp()) * 10**9


def open_utc(declared: Maintenance, first: str, last: str) -> list[tuple[str, str]]:
    """Return the stretches, in UTC to the minute, in which the window is open."""
    read = window(declared)
    at, end = (
        datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last)
    )
    found: list[tuple[str, str]] = []
    begun = ""
    while at <= end:
        running = read.running(ns(at))
        if running and not begun:
            begun = f"{at:%d %H:%M}"
        if not running and begun:
            found.append((begun, f"{at:%d %H:%M}"))
            begun = ""
        at += MINUTE
    assert not begun
    return found


@pytest.mark.parametrize(
    ("start", "end", "day", "expected"),
    [
        # Berlin 2026: 29 March 02:00 -> 03:00, 25 October 03:00 -> 02:00
        ("01:00", "04:00", "2026-03-29", [("29 00:00", "29 02:00")]),
        ("01:30", "02:30", "2026-03-29", [("29 00:30", "29 01:00")]),
        ("02:30", "03:15", "2026-03-29", [("29 01:00", "29 01:15")]),
        ("02:15", "02:45", "2026-03-29", []),
        ("22:00", "06:00", "2026-03-28", [("28 21:00", "29 04:00")]),
        ("01:00", "04:00", "2026-10-25", [("24 23:00", "25 03:00")]),
        ("01:00", "02:30", "2026-10-25", [("24 23:00", "25 00:30")]),
        ("02:30", "03:30", "2026-10-25", [("25 00:30", "25 02:30")]),
    ],
)
def test_daylight_saving(
    start: str, end: str, day: str, expected: list[tuple[str, str]]
) -> None:
    """Windows keep their wall-clock times; a skipped time is the moment of the jump."""
    at = datetime.fromisoformat(day)
    weekday = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[at.weekday()]
    declared = Maintenance(
        "w", days=(weekday,), start=start, end=end, zone="Europe/Berlin"
    )
    first = (at - timedelta(days=2)).isoformat()
    assert expected == open_utc(declared, first, (at + timedelta(days=2)).isoformat())


@pytest.mark.parametrize(
    ("days", "first", "last", "expected"),
    [
        ((29,), "2028-02-27", "2028-03-02", [("29 01:00", "29 02:00")]),
        ((29,), "2027-02-27", "2027-03-02", []),
        ((-1,), "2028-02-27", "2028-03-02", [("29 01:00", "29 02:00")]),
        ((-1,), "2027-02-26", "2027-03-02", [("28 01:00", "28 02:00")]),
    ],
)
def test_leap_days(
    days: tuple[int, ...], first: str, last: str, expected: list[tuple[str, str]]
) -> None:
    """The 29th is there when it is, and the last day is the last."""
    declared = Maintenance("w", days_of_month=days, start="01:00", end="02:00")
    assert expected == open_utc(declared, first, last)


def test_over_midnight_counts_from_its_first_day() -> None:
    """A window of Friday night is open on Saturday morning, not on Friday morning."""
    declared = Maintenance("w", days=("fri",), start="22:00", end="02:00")
    assert [("27 22:00", "28 02:00")] == open_utc(declared, "2026-11-26", "2026-11-30")


def test_a_date_that_a_place_skipped() -> None:
    """Samoa had no 30 December 2011; a window of that day is never open."""
    declared = Maintenance(
        "w", days_of_month=(30,), start="10:00", end="12:00", zone="Pacific/Apia"
    )
    assert [] == open_utc(declared, "2011-12-28", "2012-01-02")


zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
)
walls = st.datetimes(
    datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2030-01-01")
)


@given(walls, zones)
def test_a_moment_shows_its_wall_clock_time(wall: datetime, zone: str) -> None:
    """Clocks show the time at its moment, or jumped over it at that moment."""
    wall = wall.replace(second=0, microsecond=0)
    place = ZoneInfo(zone)
    at = moment(wall, place)
    shown = at.astimezone(place).replace(tzinfo=None)
    if shown != wall:
        before = (at - timedelta(seconds=1)).astimezone(place).replace(tzinfo=None)
        assert before < wall < shown


@given(st.lists(walls, min_size=2, max_size=2), zones)
def test_moments_keep_the_order_of_the_clock(pair: list[datetime], zone: str) -> None:
    """Except where a clock is put back, later by the clock is later."""
    first, last = sorted(pair)
    if last - first > timedelta(hours=2):
        assert moment(first, ZoneInfo(zone)) < moment(last, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"start": "9:00"}, "9:00"),
        ({"end": "24:30"}, "24:30"),
        ({"zone": "Europe/Berlyn"}, "Berlyn"),
        ({"zone": "../../etc/passwd"}, "passwd"),
        ({"matchers": ("severity",)}, "severity"),
    ],
)
def test_windows_that_cannot_be_obeyed(wrong: dict[str, object], found: str) -> None:
    """A mistake is told at the start."""
    with pytest.raises(ConfigError) as refusal:
        window(Maintenance("nightly", **wrong))
    assert found in str(refusal.value)
    assert "nightly" in str(refusal.value)
