"""Time ranges as users write them, and figures of nothing."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from algovigil import ConfigError
from algovigil.reads import Figure, window

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
DAY = 86_400 * 10**9


def ns(*when: int) -> int:
    return int(datetime(*when, tzinfo=timezone.utc).timestamp()) * 10**9  # type: ignore[misc] # a date


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        ("30d", ns(2026, 1, 1, 12), ns(2026, 1, 31, 12)),
        ("last_24_hours", ns(2026, 1, 30, 12), ns(2026, 1, 31, 12)),
        ("last 2 weeks", ns(2026, 1, 17, 12), ns(2026, 1, 31, 12)),
        (3600, ns(2026, 1, 31, 11), ns(2026, 1, 31, 12)),
        (timedelta(days=1), ns(2026, 1, 30, 12), ns(2026, 1, 31, 12)),
        (("2026-01-01", "2026-01-02"), ns(2026, 1, 1), ns(2026, 1, 3)),
        ((date(2026, 1, 1), date(2026, 1, 1)), ns(2026, 1, 1), ns(2026, 1, 2)),
        (("2026-01-01T06:00", NOW), ns(2026, 1, 1, 6), ns(2026, 1, 31, 12)),
        ((0.0, 60.0), 0, 60 * 10**9),
        (None, 0, 2**62),
    ],
)
def test_ranges(given: Any, start: int, end: int) -> None:
    """A date as end is that whole day; a naive time is UTC."""
    assert {"start": start, "end": end} == window(given, None, None, NOW)


def test_bounds_by_themselves() -> None:
    """Either may be left out."""
    found = window(None, "2026-01-01", None, NOW)
    assert {"start": ns(2026, 1, 1), "end": 2**62} == found
    found = window(None, None, date(2026, 1, 1), NOW)
    assert {"start": 0, "end": ns(2026, 1, 2)} == found


@pytest.mark.parametrize("given", ["soon", ("2026-02-01", "2026-01-01"), ("x", "y")])
def test_ranges_that_cannot_be_read(given: Any) -> None:
    """They are told, not guessed."""
    with pytest.raises(ConfigError, match="found"):
        window(given, None, None, NOW)


def test_a_figure_of_nothing_is_no_zero() -> None:
    """NaN, and it says that it counted nothing."""
    none, half = Figure(0, 0), Figure(1, 2)
    assert math.isnan(none)
    assert (0, 0) == (none.numerator, none.denominator)
    assert none.interval is None
    assert 0.5 == half
    interval = half.interval
    assert interval is not None
    assert 0 < interval.lower < half < interval.upper < 1
