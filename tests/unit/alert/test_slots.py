"""When rules are judged: even steps of UTC, each once, whatever the clock does."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algovigil_processor.alert.evaluate.slots import MOST_REPLAYED, Due, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND = 10**9
EVERY = 15 * SECOND
HOUR = 3600 * SECOND
SCHEDULE = Schedule(EVERY, HOUR)
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo | None = None) -> int:
    """Return a moment in nanoseconds; UTC without a zone."""
    moment = datetime.fromisoformat(text)
    return int(moment.replace(tzinfo=zone or UTC).timestamp()) * SECOND


def run(nows: Sequence[int], last: int = 0) -> list[Due]:
    """Tick at each of *nows*, remembering the slot judged last."""
    found = []
    for now in nows:
        due = SCHEDULE.due(last, now)
        last = due.slots[-1] if due.slots else last
        found.append(due)
    return found


NOON = at("2026-05-04T12:00:00")


def test_a_slot_is_judged_once_and_at_its_own_time() -> None:
    """Ticks may come early, late or twice: the instants are multiples of 15 s."""
    ticks = [NOON + int(s * SECOND) for s in (0.2, 14.9, 15.1, 29, 45.5)]
    assert [
        Due((NOON,)),
        Due(),
        Due((NOON + EVERY,)),
        Due(),
        Due((NOON + 2 * EVERY, NOON + 3 * EVERY)),
    ] == run(ticks)


def test_slots_that_passed_are_caught_up_in_order() -> None:
    """After a short absence every slot is judged, the oldest first."""
    due = SCHEDULE.due(NOON, NOON + 10 * EVERY)
    assert Due(tuple(NOON + n * EVERY for n in range(1, 11))) == due


def test_a_long_absence_is_caught_up_as_far_as_allowed() -> None:
    """Eight hours of sleep: the last hour is judged, the rest is counted as missed."""
    wake = NOON + 8 * HOUR
    due = SCHEDULE.due(NOON, wake)
    assert MOST_REPLAYED + 1 == len(due.slots)
    assert (wake - HOUR, wake) == (due.slots[0], due.slots[-1])
    assert 8 * 240 - 241 == due.missed


def test_many_slots_are_thinned_evenly() -> None:
    """What is too much to judge one by one is judged at a wider pace to the end."""
    due = Schedule(SECOND, HOUR).due(NOON, NOON + HOUR)
    gaps = {b - a for a, b in zip(due.slots, due.slots[1:], strict=False)}
    assert {15 * SECOND} == gaps
    assert len(due.slots) <= MOST_REPLAYED + 1
    assert NOON + HOUR == due.slots[-1]


def test_no_replay_judges_the_present_only() -> None:
    """With nothing to catch up, what passed is missed and said to be."""
    due = Schedule(EVERY, 0).due(NOON, NOON + 10 * EVERY)
    assert Due((NOON + 10 * EVERY,), missed=9) == due


def test_a_clock_set_back_a_little_judges_nothing_twice() -> None:
    """A correction within an interval waits for the clock to come round."""
    assert [Due((NOON,)), Due(), Due((NOON + EVERY,))] == run(
        [NOON + 1 * SECOND, NOON - 3 * SECOND, NOON + 16 * SECOND]
    )


def test_a_clock_set_back_an_hour_goes_on_at_once() -> None:
    """Nobody waits an hour for the time that a wrong clock had shown."""
    assert [Due((NOON,)), Due((NOON - HOUR,)), Due((NOON - HOUR + EVERY,))] == run(
        [NOON, NOON - HOUR, NOON - HOUR + EVERY]
    )


def test_a_clock_set_forward_catches_up_and_goes_on() -> None:
    """A jump of an hour is an absence of an hour."""
    due, after = run([NOON + HOUR, NOON + HOUR + EVERY], last=NOON)
    assert 240 == len(due.slots)
    assert Due((NOON + HOUR + EVERY,)) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2026-03-29T01:55:00", "2026-03-29T03:05:00"),  # spring: 02:00 is 03:00
        ("2026-10-25T01:55:00", "2026-10-25T03:05:00"),  # autumn: an hour comes twice
        ("2028-02-28T23:55:00", "2028-02-29T00:05:00"),  # a leap day begins
        ("2028-02-29T23:55:00", "2028-03-01T00:05:00"),  # and ends
        ("2026-12-31T23:55:00", "2027-01-01T00:05:00"),
    ],
)
def test_the_calendar_changes_nothing(
    before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over DST both ways, leap days and new year, slots stay 15 s apart."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        first, last = at(before, BERLIN), at(after, BERLIN)
        found = run(range(first, last + 1, EVERY))
    finally:
        monkeypatch.undo()
        time.tzset()
    slots = [slot for due in found for slot in due.slots]
    assert list(range(first, last + 1, EVERY)) == slots
    assert not any(due.missed for due in found)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30))
def test_every_slot_is_judged_or_missed(gaps: list[int]) -> None:
    """Whatever the pace of ticks, slots rise and none is lost without being counted."""
    now, nows = NOON, [NOON]
    for gap in gaps:
        now += gap * SECOND
        nows.append(now)
    found = run(nows)
    slots = [slot for due in found for slot in due.slots]
    assert sorted(set(slots)) == slots
    assert all(slot % EVERY == 0 for slot in slots)
    passed = (slots[-1] - slots[0]) // EVERY + 1
    assert passed == len(slots) + sum(due.missed for due in found)
