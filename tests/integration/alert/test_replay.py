"""What happened while nobody looked is found in the store, and told once."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from algovigil.config import Channel, Rule
from algovigil_processor.alert.tables import OUTBOX, TRANSITIONS
from integration.alert.ward import SECOND, Ward

if TYPE_CHECKING:
    from pathlib import Path

SLOW = Rule("Slow", "latency_p95 over 30s > 2 s", "critical", 60, channels=("hook",))
ALERTS = {
    "interval": 15.0,
    "replay": 3600.0,
    "channels": {"hook": Channel("webhook", url="http://127.0.0.1:9/")},
}
# seconds after noon, and what the calls of then took
STORY = [
    (t, 2500.0 if 120 <= t < 300 or t >= 540 else 100.0) for t in range(0, 700, 15)
]


def transitions(ward: Ward) -> list[tuple[object, ...]]:
    """Every transition: when, from, to, and whether it was caught up."""
    columns = TRANSITIONS.c
    query = sa.select(columns.at_ns, columns.before, columns.after, columns.replayed)
    with ward.state.read() as db:
        return [tuple(row) for row in db.execute(query.order_by(columns.id))]


def told(ward: Ward) -> list[tuple[int, int]]:
    """How many alerts fire and are over, in each message that is owed, in order."""
    with ward.state.read() as db:
        bodies = db.execute(sa.select(OUTBOX.c.body).order_by(OUTBOX.c.seq)).scalars()
        data = [json.loads(body)["data"] for body in bodies]
    return [(one["firing"], one["resolved"]) for one in data]


def play(ward: Ward) -> int:
    """Put the whole story into the store; return its end."""
    rows = [
        {"timestamp": ward.now_ns + seconds * SECOND - 1, "duration_ms": ms}
        for seconds, ms in STORY
        for _ in range(20)
    ]
    ward.calls_like(rows)
    return ward.now_ns + STORY[-1][0] * SECOND


def test_a_replay_comes_to_what_an_uninterrupted_run_comes_to(
    ward: Ward, tmp_path: Path
) -> None:
    """Away for eleven minutes or never: the same transitions at the same instants."""
    end_ns, noon = play(ward), ward.now_ns
    never_away = ward.open(SLOW, **ALERTS)
    for at_ns in range(noon, end_ns + 1, 15 * SECOND):
        never_away.tick(at_ns)
    expected = transitions(ward)
    assert [False] * len(expected) == [replayed for *_, replayed in expected]
    ward.close()
    ward.data_dir = tmp_path / "other"
    ward.data_dir.mkdir()
    away = ward.open(SLOW, **ALERTS)
    away.tick(noon)
    away.tick(end_ns)
    found = transitions(ward)
    assert [step[:3] for step in expected] == [step[:3] for step in found]
    assert ["pending", "firing", "resolved", "pending", "firing"] == [
        after for _, _, after, _ in found
    ]
    assert found[0][3]


def test_only_what_is_still_news_is_told(ward: Ward) -> None:
    """An alert that came and went unseen is history; the one that fires is told."""
    end_ns = play(ward)
    alerting = ward.open(SLOW, **ALERTS)
    alerting.tick(ward.now_ns)
    alerting.tick(end_ns)
    assert [(1, 0)] == told(ward)
    now, unseen = alerting.history()
    assert (0, "condition_false") == (now.resolved_ns, unseen.ending)
    assert unseen.resolved_ns > unseen.fired_ns


def test_an_alert_that_ended_meanwhile_is_told_to_have(ward: Ward) -> None:
    """Who was told that it fires is told that it ended, and since when."""
    noon, end_ns = ward.now_ns, play(ward)
    alerting = ward.open(SLOW, **ALERTS)
    for at_ns in range(noon, noon + 240 * SECOND, 15 * SECOND):
        alerting.tick(at_ns)
    assert [(1, 0)] == told(ward)
    ward.open(SLOW, **ALERTS).tick(end_ns)
    assert [(1, 0), (1, 1)] == told(ward)


def test_a_catch_up_that_fails_is_begun_again(ward: Ward) -> None:
    """All of a catch-up is committed, or none of it."""
    end_ns = play(ward)
    alerting = ward.open(SLOW, **ALERTS)
    alerting.tick(ward.now_ns)
    refuse = (
        "CREATE TRIGGER refuse BEFORE INSERT ON alert_slots "
        "BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with ward.state.write() as db:
        db.execute(sa.text(refuse))
    with pytest.raises(sa.exc.SQLAlchemyError):
        alerting.tick(end_ns)
    assert ([], []) == (transitions(ward), told(ward))
    with ward.state.write() as db:
        db.execute(sa.text("DROP TRIGGER refuse"))
    alerting.tick(end_ns)
    assert [(1, 0)] == told(ward)


def test_slots_are_counted(ward: Ward) -> None:
    """Self-metrics say how many slots were judged in time, caught up and missed."""
    alerting = ward.open(SLOW, **ALERTS | {"replay": 60.0})
    alerting.tick(ward.now_ns)
    alerting.tick(ward.later(600))
    total = ward.telemetry.total
    assert (2, 4, 35) == tuple(
        total("alert.slots", result=r) for r in ("judged", "replayed", "missed")
    )
    gauges = ward.telemetry.gauges()
    assert ward.now_ns / 1e9 == gauges["alert.last_slot_seconds"]


def test_windows_wait_for_calls_that_are_stored_late(ward: Ward) -> None:
    """Calls that take 20 s to arrive are in the window of the rule all the same."""
    ward.now_ns = time.time_ns() - 20 * SECOND
    ward.slow(2500.0)
    alerting = ward.open(Rule("Slow", "latency_p95 > 2 s"), window=10.0)
    alerting.tick(time.time_ns() + 2 * SECOND)
    assert ["firing"] == [standing.phase for standing in alerting.active()]
    assert 20 <= ward.telemetry.gauges()["alert.ingest_lag_seconds"] < 25


def test_calls_stored_too_late_make_short_windows_unknown(ward: Ward) -> None:
    """A window that may lack a tenth of its calls is unknown, not calm."""
    ward.now_ns = time.time_ns() - 20 * SECOND
    ward.slow(100.0, model_name="late")
    alerting = ward.open(
        Rule("Slow", 'latency_p95{model="late"} over 30s > 2 s'),
        Rule("Slow for long", 'latency_p95{model="late"} over 10m > 2 s'),
        max_delay=5.0,
    )
    alerting.tick(time.time_ns() + 2 * SECOND)
    short, long = (rule.results for rule in alerting.rules.all())
    assert ({"unknown": 1}, {"false": 1}) == (short, long)
