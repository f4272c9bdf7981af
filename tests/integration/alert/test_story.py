"""Who is told when, on a real database with a clock of the test's own."""

from __future__ import annotations

import hashlib
import json
import random
import resource
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from algovigil.config import (
    Alerts,
    Channel,
    Escalation,
    Grouping,
    Heartbeat,
    Inhibition,
    Maintenance,
    MonitoringConfig,
)
from algovigil.errors import ConfigError
from algovigil_processor.alert import ledger
from algovigil_processor.alert.delivery import Delivery
from algovigil_processor.alert.evaluate.lifecycle import Identity
from algovigil_processor.alert.evaluate.readings import Subject
from algovigil_processor.alert.tables import INCIDENTS, OUTBOX, TABLES, TRANSITIONS
from algovigil_processor.alert.turn import Turn
from algovigil_processor.state import State
from algovigil_processor.telemetry import Telemetry
from integration.alert.receivers import Hook
from integration.alert.ward import LOOPBACK, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

NOON = 1_800_000_000 * SECOND
MINUTE = 60 * SECOND
LEVELS = Escalation(
    escalation_time=15,
    escalation_channels={"level_1": ("second",), "level_2": ("third",)},
)


class Desk:
    """Alerting without evaluation: turns are made by hand, and time too."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.now_ns = NOON
        self.hooks = {name: Hook() for name in ("first", "second", "third")}
        self.telemetry = Telemetry()
        self._state: State | None = None
        self.open()

    def open(self, escalation: Escalation | None = None, **alerts: Any) -> None:
        """Begin, or begin again on the state that is there."""
        if self._state is not None:
            self._state.close()
        channels = {n: Channel("webhook", url=h.url) for n, h in self.hooks.items()}
        self.config = MonitoringConfig(
            alerts=Alerts(
                channels=channels,
                private_networks=LOOPBACK,
                **{"grouping": Grouping(wait=0, interval=0)} | alerts,
            ),
            escalation=escalation or LEVELS,
        )
        self._state = State.open("", self.data_dir)
        self._state.create(TABLES)
        self.delivery = Delivery(
            self._state,
            self.config,
            self.telemetry,
            lambda _, text: text.replace("Quillmore", "[name]"),
            random.Random(3),
        )

    @property
    def state(self) -> State:
        """The open state."""
        assert self._state is not None
        return self._state

    def fire(self, *models: str, severity: str = "critical", rule: str = "Slow") -> str:
        """Let an incident of each model fire; return the id of the last."""
        ids = [
            hashlib.sha256(f"{rule} {model} {self.now_ns}".encode()).hexdigest()[:32]
            for model in models
        ]
        turns = [
            self._turn(i, m, severity, rule) for i, m in zip(ids, models, strict=True)
        ]
        rows = [
            {
                "incident_id": incident_id,
                "rule": rule,
                "severity": severity,
                **Subject(model, "1")._asdict(),
                "condition": "latency_p95 > 2s",
                "since_ns": self.now_ns,
                "fired_ns": self.now_ns,
                "resolved_ns": 0,
                "ending": "",
                "value": 2500.0,
            }
            for incident_id, model in zip(ids, models, strict=True)
        ]
        with self.state.write() as db:
            db.execute(sa.insert(INCIDENTS), rows)
            self.delivery.announce(db, turns, self.now_ns)
        return ids[-1]

    def end(self, incident_id: str, model: str = "m") -> None:
        """Let an incident end."""
        turn = self._turn(incident_id, model, "critical", "Slow", "condition_false")
        with self.state.write() as db:
            ledger.close_incidents(db, [incident_id], self.now_ns, "condition_false")
            self.delivery.announce(db, [turn], self.now_ns)

    def _turn(
        self, incident_id: str, model: str, severity: Any, rule: str, ending: Any = ""
    ) -> Turn:
        return Turn(
            Identity(rule, Subject(model, "1")),
            incident_id,
            severity,
            ("first",),
            self.now_ns,
            self.now_ns,
            self.now_ns if ending else 0,
            ending,
        )

    def later(self, minutes: float) -> None:
        """Let time pass, and look at what is due."""
        self.now_ns += int(minutes * MINUTE)
        self.look()

    def look(self) -> None:
        """Look at what is due now, and send it."""
        self.delivery.notify(self.now_ns)
        self.delivery.deliver(self.now_ns)

    def minutes(self, count: int) -> None:
        """Look each minute."""
        for _ in range(count):
            self.later(1)

    def heard(self, name: str) -> list[tuple[str, str]]:
        """What a channel heard: the event and its reason."""
        posts = [json.loads(post.body) for post in self.hooks[name].posts]
        return [(p["type"].partition(".")[2], p["data"]["reason"]) for p in posts]

    def history(self) -> list[tuple[str, str]]:
        """What befell incidents besides their condition, and who did it."""
        with self.state.read() as db:
            query = sa.select(TRANSITIONS).order_by(TRANSITIONS.c.id)
            return [(row.reason, row.actor) for row in db.execute(query)]

    def close(self) -> None:
        """End everything."""
        self.state.close()
        for hook in self.hooks.values():
            hook.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with three channels."""
    opened = Desk(tmp_path)
    yield opened
    opened.close()


def test_from_firing_to_the_end(desk: Desk) -> None:
    """Fires, escalates, is taken on, expires, escalates on, ends: each is told."""
    incident = desk.fire("m")
    desk.look()
    assert [("firing", "first")] == desk.heard("first")
    desk.minutes(15)
    assert [("firing", "escalated")] == desk.heard("second")
    desk.delivery.desk.acknowledge(incident, "anna", desk.now_ns, 30)
    desk.minutes(29)
    assert [] == desk.heard("third")
    assert ("acknowledged", "acknowledged") == desk.heard("first")[-1]
    desk.minutes(1)
    assert ("firing", "acknowledgement_expired") == desk.heard("second")[-1]
    desk.minutes(15)
    assert [("firing", "escalated")] == desk.heard("third")
    desk.end(incident)
    desk.look()
    for name in ("first", "second", "third"):
        assert ("resolved", "all_resolved") == desk.heard(name)[-1]
    assert [
        ("escalated", ""),
        ("acknowledged", "anna"),
        ("acknowledgement_expired", ""),
        ("escalated", ""),
    ] == desk.history()


def test_an_edit_of_the_policy_does_not_reach_what_is_in_flight(desk: Desk) -> None:
    """An incident keeps the policy it fired under; the next has the new one."""
    desk.fire("m")
    desk.look()
    other = Escalation(escalation_time=1, escalation_channels={"level_1": ("third",)})
    desk.open(other)
    desk.minutes(10)
    assert [] == desk.heard("third")
    desk.fire("n")
    desk.minutes(5)
    assert [("firing", "escalated")] == desk.heard("second")
    assert [("firing", "escalated")] == desk.heard("third")


def test_maintenance_that_ends_in_mid_chain(desk: Desk) -> None:
    """Nothing in the window; at its end told again, and the chain goes on."""
    start = NOON // MINUTE % 1440 + 20
    window = Maintenance(
        "works",
        start=f"{start // 60:02d}:{start % 60:02d}",
        end=f"{(start + 30) // 60:02d}:{(start + 30) % 60:02d}",
    )
    desk.open(maintenance=(window,))
    incident = desk.fire("m")
    desk.minutes(49)
    assert [("firing", "first")] == desk.heard("first")
    assert [("firing", "escalated")] == desk.heard("second")
    (handling,) = desk.delivery.handling(desk.now_ns).values()
    assert [("maintenance", "works")] == [tuple(mute) for mute in handling.mutes]
    desk.minutes(1)
    assert ("firing", "suppression_ended") == desk.heard("first")[-1]
    desk.minutes(14)
    assert [] == desk.heard("third")
    desk.minutes(1)
    assert [("firing", "escalated")] == desk.heard("third")
    desk.end(incident)
    desk.look()
    assert ("resolved", "all_resolved") == desk.heard("first")[-1]


def test_what_ends_in_a_window_is_told_if_it_was_told_before(desk: Desk) -> None:
    """And what fired and ended inside of it is told to nobody."""
    told = desk.fire("m")
    desk.look()
    made = desk.delivery.desk.silence(
        ['model=~"m|n"'],
        "anna",
        "works",
        desk.now_ns,
        desk.now_ns + MINUTE,
        desk.now_ns,
    )
    hidden = desk.fire("n")
    desk.end(told)
    desk.end(hidden, "n")
    desk.minutes(3)
    assert [("firing", "first"), ("resolved", "all_resolved")] == desk.heard("first")
    assert [] == desk.delivery.desk.silences(desk.now_ns)
    desk.delivery.desk.expire(
        made.silence_id, "anna", desk.now_ns
    )  # over, and stays so


def test_inhibition_ends_with_its_source(desk: Desk) -> None:
    """The warning under a critical alert is told when that has ended."""
    one = Inhibition(('severity="critical"',), ('severity="warning"',), ("model",))
    desk.open(inhibitions=(one,))
    grave = desk.fire("m")
    desk.now_ns += 1
    desk.fire("m", severity="warning", rule="Drift")
    desk.look()
    assert 1 == len(desk.heard("first"))
    desk.end(grave)
    desk.later(0.1)
    data = json.loads(desk.hooks["first"].posts[-1].body)["data"]
    assert ["Drift", "Slow"] == [one["rule"] for one in data["incidents"]]


@pytest.mark.parametrize("seed", range(4))
def test_acknowledgements_race_with_escalation(desk: Desk, seed: int) -> None:
    """At the same instant one of them is first: never both lost, never out of order."""
    incident = desk.fire("m")
    desk.look()
    desk.now_ns += 15 * MINUTE
    rng = random.Random(seed)
    pause = rng.uniform(0, 0.004)

    def take() -> None:
        time.sleep(pause)
        desk.delivery.desk.acknowledge(incident, "anna", desk.now_ns, 30)

    thread = threading.Thread(target=take)
    thread.start()
    time.sleep(rng.uniform(0, 0.004))
    desk.delivery.notify(desk.now_ns)
    thread.join()
    desk.look()
    happened = [reason for reason, _ in desk.history()]
    assert happened in (["acknowledged"], ["escalated", "acknowledged"])
    assert len(desk.heard("second")) >= happened.count("escalated")
    desk.minutes(20)
    assert happened == [reason for reason, _ in desk.history()]  # it holds


def test_asleep_for_a_day(desk: Desk) -> None:
    """After sleep or downtime one level is made up for; nothing comes in a burst."""
    desk.fire("m")
    desk.look()
    desk.later(24 * 60)
    assert [("firing", "escalated")] == desk.heard("second")
    assert [] == desk.heard("third")
    assert 23 * 3600 < desk.telemetry.gauges()["alert.escalation_late_seconds"]
    desk.minutes(15)
    assert [("firing", "escalated")] == desk.heard("third")


@pytest.mark.parametrize("jump", [-60, 60])
def test_clocks_that_jump_an_hour(desk: Desk, jump: int) -> None:
    """Forward or back, an alert escalates within two periods and is told once each."""
    incident = desk.fire("m")
    desk.look()
    desk.minutes(5)
    desk.later(jump)
    desk.minutes(31)
    assert 1 == desk.heard("second").count(("firing", "escalated"))
    assert 1 == desk.heard("third").count(("firing", "escalated"))
    desk.end(incident)
    desk.later(0.1)
    assert ("resolved", "all_resolved") == desk.heard("first")[-1]


def test_an_acknowledgement_over_a_clock_change(desk: Desk) -> None:
    """Minutes are minutes, whatever clocks on the wall do: Berlin, 29 March 2026."""
    desk.now_ns = 1_774_742_400 * SECOND  # 00:00 UTC, an hour before the jump
    incident = desk.fire("m")
    until_ns = desk.delivery.desk.acknowledge(incident, "anna", desk.now_ns, 120)
    assert desk.now_ns + 120 * MINUTE == until_ns
    desk.minutes(119)
    assert "acknowledgement_expired" not in dict(desk.history())
    desk.minutes(1)
    assert "acknowledgement_expired" in dict(desk.history())


def test_a_storm_is_a_handful_of_messages(desk: Desk) -> None:
    """10 000 incidents in one tick: the first is out after 2 s of work, in few MB.

    Of work, not of the wall's clock: the machine may have other things to do.
    """
    desk.open(grouping=Grouping())
    names = [f"model-{number:05d}" for number in range(10_000)]
    arrived: list[float] = []
    hook = desk.hooks["first"]
    hook.on_post = lambda: arrived.append(time.process_time() - begun)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    desk.fire(*names)
    desk.delivery.deliver(desk.now_ns)
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    messages = [json.loads(post.body)["data"] for post in hook.posts]
    assert len(messages) <= 11
    assert 10_000 == sum(message["firing"] for message in messages)
    assert max(len(post.body) for post in hook.posts) < 20_000
    print(f"first after {arrived[0]:.2f} s, {grown_mb:.0f} MB, {len(messages)} sent")
    assert grown_mb < 150
    assert arrived[0] < 4.0  # 2 s, and as much again where others fight for the cache
    for _ in range(3):
        desk.later(1)
    assert len(hook.posts) <= 22


def test_what_people_may_not_do(desk: Desk) -> None:
    """Too long, nobody, nothing, or what is over: refused, and nothing changes."""
    incident = desk.fire("m")
    people, now = desk.delivery.desk, desk.now_ns
    hour = 60 * MINUTE
    refused: Sequence[Callable[[], object]] = (
        lambda: people.acknowledge(incident, "", now),
        lambda: people.acknowledge(incident, "anna", now, 1441),
        lambda: people.silence(['model="m"'], "anna", "why", now, now + 5 * hour, now),
        lambda: people.silence(['model="m"'], "anna", "why", now, now, now),
        lambda: people.silence(['model="m"'], "anna", " ", now, now + hour, now),
        lambda: people.silence(['model=~".*"'], "anna", "why", now, now + hour, now),
    )
    for act in refused:
        with pytest.raises(ConfigError):
            act()
    desk.end(incident)
    for missing in (
        lambda: people.acknowledge(incident, "anna", now),
        lambda: people.resolve("0" * 32, "anna", now),
        lambda: people.expire("0" * 32, "anna", now),
        lambda: people.replay("0" * 32, now),
    ):
        with pytest.raises(LookupError):
            missing()
    assert [] == desk.history()


def test_comments_are_cleaned_and_silences_are_replaced(desk: Desk) -> None:
    """What people write loses its identifiers; an edit ends the old silence."""
    people, now = desk.delivery.desk, desk.now_ns
    six = ['severity!="critical"', 'model="m"']
    old = people.silence(
        six, "anna", "Mr Quillmore fell", now, now + 6 * 60 * MINUTE, now
    )
    assert "Mr [name] fell" == old.comment
    new = people.silence(
        ['model="m"'], "ben", "better", now, now + MINUTE, now, replaces=old.silence_id
    )
    (left,) = people.silences(now)
    assert new == left


def test_a_manual_end_is_told_as_such(desk: Desk) -> None:
    """Whoever reads it knows that the condition may still hold."""
    incident = desk.fire("m")
    desk.look()
    desk.delivery.desk.resolve(incident, "anna", desk.now_ns)
    desk.look()
    (one,) = json.loads(desk.hooks["first"].posts[-1].body)["data"]["incidents"]
    assert "manual" == one["reason"]
    assert [("manual", "anna")] == desk.history()


def test_dead_letters_are_sent_again(desk: Desk) -> None:
    """Under the id that they had."""
    desk.hooks["first"].script.append(400)
    desk.fire("m")
    desk.look()
    (dead,) = desk.delivery.desk.deliveries("dead", 10)
    desk.delivery.desk.replay(dead.delivery_id, desk.now_ns)
    desk.look()
    ids = [post.headers["webhook-id"] for post in desk.hooks["first"].posts]
    assert [dead.delivery_id] * 2 == ids
    assert [] == desk.delivery.desk.deliveries("dead", 10)


def test_the_auditor_finds_a_scheduler_that_does_not_run(desk: Desk) -> None:
    """A step that is due and did not come is found, and the heartbeat stops."""
    beat = Hook()
    desk.open(heartbeat=Heartbeat(url=beat.url))
    desk.fire("m")
    watchdog = desk.delivery.watchdog
    assert watchdog.beat(desk.now_ns) is not None
    assert 1 == len(beat.posts)
    desk.now_ns += 17 * MINUTE  # and nobody looks
    assert ["does not escalate"] == [p[-17:] for p in watchdog.audit(desk.now_ns)]
    assert watchdog.beat(desk.now_ns) is None
    assert 1 == len(beat.posts)
    desk.look()
    assert watchdog.beat(desk.now_ns) is not None
    assert 2 == len(beat.posts)
    beat.close()


def test_sent_messages_are_pruned(desk: Desk) -> None:
    """What is over goes, what waits stays."""
    from algovigil_processor.alert.prune import prune

    gone = desk.fire("m")
    desk.look()
    desk.end(gone)
    desk.look()
    desk.hooks["first"].script.append(503)
    desk.now_ns += SECOND
    desk.fire("n")
    desk.look()
    assert prune(desk.state, desk.now_ns + 1) > 0
    with desk.state.read() as db:
        assert ["waiting"] == list(db.execute(sa.select(OUTBOX.c.state)).scalars())
        assert 1 == len(db.execute(sa.select(INCIDENTS)).all())
