"""From readings to incidents: over restarts, gaps, faults and changed rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from algovigil.config import Channel, Rule
from algovigil_processor.alert.tables import OUTBOX, TRANSITIONS

if TYPE_CHECKING:
    from algovigil_processor.alert import Alerting
    from integration.alert.ward import Ward

SLOW = Rule("Slow", "latency_p95 > 2 s", "critical", 300)
DOWN = {"hook": Channel("webhook", url="http://127.0.0.1:9/")}


def phases(alerting: Alerting) -> list[tuple[str, str]]:
    """The phase and the last result of each alert."""
    return [(standing.phase, standing.result) for standing in alerting.active()]


def events(ward: Ward) -> list[tuple[object, ...]]:
    """The transitions that ClickHouse has."""
    return ward.mirrored("alert_events", "state_from, state_to, value, reason")


def test_pending_firing_resolved(ward: Ward) -> None:
    """An alert goes through its whole life, and ClickHouse has each step once."""
    alerting = ward.open(SLOW)
    ward.slow(2500.0)
    alerting.tick(ward.now_ns)
    assert phases(alerting) == [("pending", "true")]
    fired_ns = ward.later(300)
    ward.slow(2600.0)
    alerting.tick(ward.now_ns)
    (standing,) = alerting.active()
    assert (standing.phase, standing.model, standing.version) == ("firing", "wdbc", "1")
    assert standing.values == {"latency_p95": 2600.0}
    resolved_ns = ward.later(15)
    ward.slow(100.0)
    alerting.tick(ward.now_ns)
    assert alerting.active() == []
    (incident,) = alerting.history()
    assert incident.incident_id == standing.incident_id
    assert (incident.fired_ns, incident.resolved_ns) == (fired_ns, resolved_ns)
    assert (incident.value, incident.ending) == (2600.0, "condition_false")
    assert events(ward) == [
        ("inactive", "pending", 2500.0, "condition_true"),
        ("pending", "firing", 2600.0, "condition_true"),
        ("firing", "resolved", 100.0, "condition_false"),
    ]


def test_who_changed_rules_and_silences_is_history_too(ward: Ward) -> None:
    """ClickHouse has each change once: of the settings' rules, and of silences."""
    alerting = ward.open(SLOW)
    ward.slow(2500.0, site="north", subgroup=[("age_band", "60-69")])
    alerting.tick(ward.now_ns)
    people, now = alerting.delivery.desk, ward.now_ns
    hour = 3600 * 10**9
    old = people.silence(['model="wdbc"'], "anna", "works", now, now + hour, now)
    new = people.silence(
        ['model="wdbc"'], "ben", "more", now, now + 1, now, replaces=old.silence_id
    )
    people.expire(old.silence_id, "cleo", now + 2)  # over already: no change
    alerting.tick(ward.later(15))
    names = (
        "kind, name, action, actor, before = '' AS fresh, dateDiff('s', starts, ends)"
    )
    assert {
        ("rule", "Slow", "created", "settings", True, 0),
        ("silence", old.silence_id, "created", "anna", True, 3600),
        ("silence", old.silence_id, "expired", "ben", False, 0),
        ("silence", new.silence_id, "created", "ben", True, 0),
    } == set(ward.mirrored("alert_changes", names))
    ((after,),) = {
        row[1:]
        for row in ward.mirrored("alert_changes", "kind, after")
        if row[0] == "rule"
    }
    assert json.loads(str(after))["condition"] == "latency_p95 > 2s"
    columns = "model_name, model_version, site, subgroup"
    assert [("wdbc", "1", "", "")] == ward.mirrored("alert_events", columns)


def test_state_survives_a_restart(ward: Ward) -> None:
    """The pending clock runs on over a restart, and a firing alert keeps firing."""
    ward.slow(2500.0)
    ward.open(SLOW).tick(ward.now_ns)
    ward.later(300)
    ward.slow(2500.0)
    alerting = ward.open(SLOW)
    alerting.tick(ward.now_ns)
    assert phases(alerting) == [("firing", "true")]
    alerting = ward.open(SLOW)
    assert phases(alerting) == [("firing", "")]
    alerting.tick(ward.later(1))
    assert phases(alerting) == [("firing", "true")]
    assert len(alerting.history()) == 1


@pytest.mark.parametrize("silence", ["missing", "low_n", "unmeasured", "store away"])
def test_unknown_does_not_resolve(ward: Ward, silence: str) -> None:
    """An alert whose data goes away, in whatever way, still fires."""
    alerting = ward.open(Rule("Slow", "latency_p95 > 2 s"))
    ward.slow(2500.0)
    alerting.tick(ward.now_ns)
    ward.later(15)
    if silence == "missing":
        ward.later(10_000)
    elif silence == "low_n":
        ward.slow(1.0, 19)
    elif silence == "unmeasured":
        ward.slow(float("nan"))
    else:
        ward.store.away_for = ("inferences",)
    alerting.tick(ward.now_ns)
    (standing,) = alerting.active()
    assert standing.phase == "firing"
    assert standing.result == ("error" if silence == "store away" else "unknown")
    assert standing.reason


def test_each_version_has_its_own_alert(ward: Ward) -> None:
    """A good version does not resolve the alert of a bad one."""
    alerting = ward.open(Rule("Slow", "latency_p95 > 2 s"))
    for version, value in (("1", 2500.0), ("2", 100.0)):
        ward.slow(value, model_version=version)
    alerting.tick(ward.now_ns)
    assert [standing.version for standing in alerting.active()] == ["1"]
    assert alerting.rules.all()[0].results == {"true": 1, "false": 1}


def test_selectors_narrow_a_rule(ward: Ward) -> None:
    """A rule with a selector judges no other model."""
    alerting = ward.open(Rule("Slow", 'latency_p95{model="other"} > 2 s'))
    ward.slow(2500.0)
    alerting.tick(ward.now_ns)
    assert alerting.active() == []


def test_hourly_drift_stands_until_the_next_is_overdue(ward: Ward) -> None:
    """A finding that is computed once an hour is not unknown for most of it."""
    alerting = ward.open(Rule("Drift", "drift_score > 10%"))
    ward.put(
        "drift_findings",
        {"feature": "", "method": "model", "statistic": 0.5, "status": "drift"},
    )
    alerting.tick(ward.later(3600))
    assert phases(alerting) == [("firing", "true")]
    alerting.tick(ward.later(3601))
    assert phases(alerting) == [("firing", "unknown")]


def test_a_removed_rule_ends_its_alerts_and_says_so(ward: Ward) -> None:
    """The end of a rule is told apart from the end of its condition."""
    rule = Rule("Slow", "latency_p95 > 2 s", channels=("hook",))
    ward.slow(2500.0)
    ward.open(rule, channels=DOWN).tick(ward.now_ns)
    alerting = ward.open(channels=DOWN)
    assert phases(alerting) == [("firing", "")]
    alerting.tick(ward.later(15))
    assert alerting.active() == []
    assert alerting.history()[0].ending == "rule_removed"
    assert events(ward)[-1] == ("firing", "resolved", None, "rule_removed")
    with ward.state.read() as db:
        bodies = db.execute(sa.select(OUTBOX.c.body).order_by(OUTBOX.c.seq)).scalars()
        assert '"reason": "rule_removed"' in list(bodies)[-1]


def test_a_changed_condition_starts_its_clock_anew(ward: Ward) -> None:
    """What another condition waited for does not count for this one."""
    ward.slow(2500.0)
    ward.open(SLOW).tick(ward.now_ns)
    ward.later(299)
    ward.slow(2500.0)
    changed = Rule("Slow", "latency_p95 > 1 s", "critical", 300)
    alerting = ward.open(changed)
    alerting.tick(ward.later(1))
    assert phases(alerting) == [("pending", "true")]
    assert [event[:2] for event in events(ward)] == [
        ("inactive", "pending"),
        ("pending", "inactive"),
        ("inactive", "pending"),
    ]


def test_a_tick_that_fails_to_commit_owes_nothing(ward: Ward) -> None:
    """A transition and its message are committed together or not at all."""
    rule = Rule("Slow", "latency_p95 > 2 s", channels=("hook",))
    alerting = ward.open(rule, channels=DOWN)
    ward.slow(2500.0)
    refuse = (
        "CREATE TRIGGER refuse BEFORE INSERT ON alert_outbox "
        "BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with ward.state.write() as db:
        db.execute(sa.text(refuse))
    with pytest.raises(sa.exc.SQLAlchemyError):
        alerting.tick(ward.now_ns)
    assert (alerting.active(), alerting.history()) == ([], [])
    with ward.state.write() as db:
        db.execute(sa.text("DROP TRIGGER refuse"))
    alerting.tick(ward.now_ns)
    assert phases(alerting) == [("firing", "true")]


def test_history_waits_for_a_store_that_is_away(ward: Ward) -> None:
    """Transitions made while ClickHouse takes no rows reach it later, once."""
    alerting = ward.open(Rule("Slow", "latency_p95 > 2 s"))
    ward.slow(2500.0)
    ward.store.takes_inserts = False
    alerting.tick(ward.now_ns)
    assert phases(alerting) == [("firing", "true")]
    assert events(ward) == []
    ward.store.takes_inserts = True
    alerting = ward.open(Rule("Slow", "latency_p95 > 2 s"))
    ward.later(15)
    ward.slow(1.0)
    alerting.tick(ward.now_ns)
    alerting.tick(ward.later(1))
    assert [event[1] for event in events(ward)] == ["firing", "resolved"]


def test_history_copied_twice_is_there_once(ward: Ward) -> None:
    """A kill between the insert and its mark does not double the history."""
    alerting = ward.open(Rule("Slow", "latency_p95 > 2 s"))
    ward.slow(2500.0)
    alerting.tick(ward.now_ns)
    with ward.state.write() as db:
        db.execute(sa.update(TRANSITIONS).values(mirrored=False))
    ward.open(Rule("Slow", "latency_p95 > 2 s")).tick(ward.later(1))
    assert [event[1] for event in events(ward)] == ["firing"]


def test_evaluations_are_counted(ward: Ward) -> None:
    """Self-metrics tell true, false, unknown and error apart."""
    alerting = ward.open(
        Rule("a", "latency_p95 > 2 s"),
        Rule("b", "latency_p95 < 2 s"),
        Rule("c", "psi > 1"),
        Rule("d", "ppv < 0.5"),
    )
    ward.store.away_for = ("clinical_metrics",)
    ward.slow(2500.0)
    alerting.tick(ward.now_ns)
    for result in ("true", "false", "unknown", "error"):
        assert ward.telemetry.total("alert.evaluations", result=result) == 1
