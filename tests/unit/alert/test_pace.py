"""How fast an endpoint is sent to, and when it is left alone."""

from __future__ import annotations

from algovigil_processor.alert.deliver import Result, Terms
from algovigil_processor.alert.deliver.pace import Pace

SECOND = 10**9
NOON = 1_800_000_000 * SECOND
SENT = Result("sent", 200)
DOWN = Result("server_error", 503, may_retry=True)


def pace(per_minute: float = 60.0, burst: int = 3) -> Pace:
    """A pace of those terms."""
    return Pace(Terms(per_minute=per_minute, burst=burst, timeout=5.0))


def drain(one: Pace, now_ns: int, result: Result = SENT) -> int:
    """Send as much as is allowed; return how much."""
    allowed = one.allowance(now_ns)
    for _ in range(allowed):
        one.used(result, now_ns)
    return allowed


def test_a_burst_and_then_the_rate() -> None:
    """Sixty a minute with three at once: one more each second."""
    one = pace()
    assert [3, 0] == [drain(one, NOON), drain(one, NOON)]
    assert 0 == drain(one, NOON + SECOND // 2)
    assert 1 == drain(one, NOON + SECOND)
    assert 3 == drain(one, NOON + 3600 * SECOND), "an hour of rest is no larger burst"


def test_over_an_hour_no_more_than_the_rate() -> None:
    """However often it is asked."""
    one = pace(per_minute=30, burst=5)
    sent = sum(drain(one, NOON + i * SECOND // 7) for i in range(7 * 3600))
    assert 5 + 30 * 60 >= sent >= 30 * 60


def test_a_receiver_that_says_when_is_obeyed_by_all() -> None:
    """Nothing goes before the time that it named."""
    one = pace()
    one.used(Result("rate_limited", 429, may_retry=True, retry_after=20), NOON)
    assert 0 == one.allowance(NOON + 19 * SECOND)
    assert 0 < one.allowance(NOON + 20 * SECOND)


def test_what_fails_five_times_is_probed_ever_more_rarely() -> None:
    """One message at a time, after 5, 10, 20 s and so on up to five minutes."""
    one = pace(per_minute=6000, burst=100)
    now = NOON
    for _ in range(4):
        one.used(DOWN, now)
    assert not one.tripped
    assert one.allowance(now) > 1
    rests = []
    for _ in range(9):
        one.used(DOWN, now)
        assert one.tripped
        rest = next(s for s in range(1, 400) if one.allowance(now + s * SECOND))
        rests.append(rest)
        now += rest * SECOND
        assert 1 == one.allowance(now)
    assert [5, 10, 20, 40, 80, 160, 300, 300, 300] == rests


def test_one_that_is_taken_closes_the_breaker() -> None:
    """Then the rate counts again."""
    one = pace(per_minute=6000, burst=100)
    for _ in range(7):
        one.used(DOWN, NOON)
    now = NOON + 400 * SECOND
    one.used(SENT, now)
    assert not one.tripped
    assert one.allowance(now) > 1


def test_a_refusal_is_an_answer() -> None:
    """An endpoint that says no is up: it trips nothing."""
    one = pace(per_minute=6000, burst=100)
    for _ in range(50):
        one.used(Result("client_error", 400), NOON)
        one.used(Result("deferred", 451, may_retry=True), NOON)
    assert not one.tripped


def test_a_clock_that_is_put_back_neither_fills_nor_holds() -> None:
    """No burst out of nothing, and no rest until yesterday's tomorrow."""
    one = pace()
    assert 3 == drain(one, NOON)
    assert 0 == drain(one, NOON - 3600 * SECOND)
    other = pace()
    other.used(Result("rate_limited", 429, may_retry=True, retry_after=20), NOON)
    assert 0 < other.allowance(NOON - 48 * 3600 * SECOND)
