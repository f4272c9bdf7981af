"""Every committed transition becomes an obligation that no kill and no fault undoes.

Real receivers with fault scripts, while the one process that turns, tells and sends is
killed at random moments. Afterwards the database says what was committed, the receivers
what they took, and the two must agree: all of it told, none of it invented, in order,
and twice only where a kill fell between a receiver's yes and the commit.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from algovigil.config import MonitoringConfig
from algovigil_processor.alert.deliver.couriers import build
from algovigil_processor.alert.deliver.outbox import Outbox
from algovigil_processor.alert.message import Item, Message
from algovigil_processor.alert.tables import (
    ATTEMPTS,
    INCIDENTS,
    MEMBERS,
    OUTBOX,
    TABLES,
)
from algovigil_processor.compliance.leaks import Canary, scan_files
from algovigil_processor.state import State
from algovigil_processor.telemetry import Telemetry
from integration.alert.receivers import Hook, Mailbox
from integration.alert.ward import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration.alert.receivers import Action

WARDEN = Path(__file__).parent / "warden.py"
ANNA, BEN = "anna@clinic.test", "ben@clinic.test"
KEY = "R" * 32
CANARIES = (
    Canary("person", "Thaddeus Quillmore"),
    Canary("number", "MRN 77120934"),
)
CONTROL = "control-7f3a9c55"
"""A label that is sent through every channel, and must be found by the same search."""
FAULTS: tuple[Action, ...] = (
    500,
    503,
    (429, {"retry-after": "0"}),
    (429, {"retry-after": "1"}),
    400,
    "hang",
    "reset",
    "half",
)
_ITEM = re.compile(r"(FIRING|RESOLVED) critical: .*?incident ([0-9a-f]{32})", re.DOTALL)
_DRAIN_SECONDS = 240.0


class Clinic:
    """The receivers, and the settings that lead to them."""

    def __init__(self, stack: contextlib.ExitStack, rng: random.Random) -> None:
        self._rng = rng

        def hook(**options: object) -> Hook:
            return stack.enter_context(contextlib.closing(Hook(**options)))

        self.hooks = {
            "hook": hook(),
            "slack": hook(says=b"ok"),
            "pager": hook(),
            "badtls": hook(tls=True),  # whose certificate nobody vouches for
            "backup": hook(),
        }
        self.mail = stack.enter_context(contextlib.closing(Mailbox()))
        self.mail.answers[BEN] = "550 no such user"

    def misbehave(self) -> None:
        """Answer one in three with a fault."""
        for name in ("hook", "slack", "pager"):
            more: tuple[Action, ...] = ("mute",) if name == "slack" else ()
            self.hooks[name].otherwise = self._fault((*FAULTS, *more))
        self.mail.otherwise = lambda: self._rng.choice(
            ["250 OK", "250 OK", "250 OK", "451 greylisted", "hang"]
        )

    def _fault(self, faults: tuple[Action, ...]) -> Callable[[], Action]:
        return lambda: self._rng.choice(faults) if self._rng.random() < 0.33 else 200

    def behave(self) -> None:
        """Take everything."""
        for hook in self.hooks.values():
            hook.otherwise = lambda: 200
        self.mail.otherwise = lambda: "250 OK"

    def settings(self) -> dict[str, object]:
        """Return the settings of the processor."""
        web = {"timeout": 0.5, "per_minute": 60_000.0}

        def channel(kind: str, name: str, **more: object) -> dict[str, object]:
            url = self.hooks[name].url
            return {"type": kind, "url": url, **web, **more}

        return {
            "alerts": {
                "private_networks": list(LOOPBACK),
                "grouping": {"wait": 0, "interval": 0.05, "repeat": 3600},
                "channels": {
                    "hook": channel("webhook", "hook", failover="backup"),
                    "slack": channel("slack", "slack", failover="backup"),
                    "pager": channel(
                        "pagerduty",
                        "pager",
                        failover="backup",
                        secret_env_var="TEST_KEY",
                    ),
                    "badtls": channel("webhook", "badtls", failover="backup"),
                    "backup": channel("webhook", "backup"),
                    "mail": {
                        "type": "email",
                        "smtp_server": "127.0.0.1",
                        "smtp_port": self.mail.port,
                        "tls": "none",
                        "sender": "watch@clinic.test",
                        "to": [ANNA, BEN],
                        **web,
                    },
                },
            }
        }


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that a receiver took; `key` is its idempotency key, if it has one."""

    at: float
    key: str
    said: tuple[tuple[str, str], ...]
    """(FIRING or RESOLVED, incident) in its order."""


def heard(clinic: Clinic) -> dict[str, list[Heard]]:
    """What each receiver took, in order."""
    found: dict[str, list[Heard]] = {}
    for name, hook in clinic.hooks.items():
        found[name] = [_post(name, at, post.body) for at, post in hook.taken]
        for index, (_, post) in enumerate(hook.taken):
            if "webhook-id" in post.headers:
                one = found[name][index]
                key = post.headers["webhook-id"]
                found[name][index] = Heard(one.at, key, one.said)
    found["mail"] = [
        Heard(
            at,
            str(mail["Message-ID"]).strip("<>").partition("@")[0],
            tuple(_ITEM.findall(mail.get_content())),
        )
        for at, (_, mail) in zip(clinic.mail.times, clinic.mail.mails, strict=True)
    ]
    return found


def _post(name: str, at: float, body: bytes) -> Heard:
    read = json.loads(body)
    if name == "slack":
        text = "\n".join(block["text"]["text"] for block in read["blocks"])
        return Heard(at, "", tuple(_ITEM.findall(text)))
    event: tuple[tuple[str, str], ...] = ()
    if name == "pager":
        event = ((read["event_action"], read["dedup_key"]),)
        details = read.get("payload", {}).get("custom_details")
        read = {"data": details or {"incidents": []}}
    return Heard(
        at,
        "",
        event
        + tuple(
            ("RESOLVED" if one["resolved"] else "FIRING", one["incident_id"])
            for one in read["data"]["incidents"]
        ),
    )


@contextlib.contextmanager
def warden(data_dir: Path, settings: dict[str, object]) -> Iterator[Callable[..., int]]:
    """Begin lives of the processor; each call returns the pid of a new one."""
    with subprocess.Popen(
        [sys.executable, WARDEN, data_dir, json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def begin(turns: int, seed: int) -> int:
            process.stdin.write(f"{turns} {seed}\n")
            process.stdin.flush()
            begin.last = int(process.stdout.readline())  # type: ignore[attr-defined]
            return begin.last  # type: ignore[attr-defined,no-any-return]

        def end(pid: int) -> None:
            os.kill(pid, signal.SIGKILL)
            assert process.stdout.readline() == "over\n"
            begin.last = 0  # type: ignore[attr-defined]

        begin.end = end  # type: ignore[attr-defined]
        begin.last = 0  # type: ignore[attr-defined]
        try:
            yield begin
        finally:
            if begin.last:  # type: ignore[attr-defined]
                end(begin.last)  # type: ignore[attr-defined]
            process.stdin.close()


def rows(state: State, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
    """All rows of *table*."""
    with state.read() as db:
        return list(db.execute(sa.select(table)))


def waits(state: State) -> bool:
    """Whether something is still owed that can be delivered."""
    with state.read() as db:
        query = sa.select(sa.func.count()).where(
            OUTBOX.c.state == "waiting",
            sa.or_(OUTBOX.c.channel != "badtls", OUTBOX.c.failed_over.is_(False)),
        )
        return bool(db.execute(query).scalar_one())


def left(state: State) -> str:
    """What is not delivered within its bound."""
    columns = (OUTBOX.c.channel, OUTBOX.c.attempts, OUTBOX.c.next_attempt_ns)
    query = sa.select(*columns).where(OUTBOX.c.state == "waiting")
    with state.read() as db:
        return f"owed at {time.time_ns()}: {db.execute(query).all()}"


def run(data_dir: Path, kills: int, seed: int) -> dict[str, float]:
    """Kill a processor *kills* times, let the last one finish, and judge it all."""
    rng = random.Random(seed)
    os.environ["TEST_KEY"] = KEY
    data_dir.mkdir()
    with contextlib.ExitStack() as stack:
        clinic = Clinic(stack, rng)
        settings = clinic.settings()
        begin = stack.enter_context(warden(data_dir, settings))
        clinic.misbehave()
        state = State.open("", data_dir)
        state.create(TABLES)
        stack.callback(state.close)
        for number in range(kills):
            pid = begin(6, seed * 100_000 + number)
            work(state, rng)
            begin.end(pid)
        clinic.behave()
        pid = begin(0, seed)
        quiet = time.monotonic() + _DRAIN_SECONDS
        begun = time.monotonic()
        calm = 0
        while calm < 5:
            assert time.monotonic() < quiet, left(state)
            calm = 0 if waits(state) else calm + 1
            time.sleep(0.1)
        drained = time.monotonic() - begun
        begin.end(pid)
        found = judge(state, heard(clinic), kills)
        control(state, settings)
        search(data_dir.parent / "received", clinic)
        return found | {"drain_seconds": round(drained, 1)}


def work(state: State, rng: random.Random) -> None:
    """Let the processor do a random amount of work, then a random moment more."""
    query = sa.select(sa.func.count()).select_from(rng.choice([ATTEMPTS, INCIDENTS]))
    with state.read() as db:
        enough = db.execute(query).scalar_one() + rng.randint(0, 6)
    patience = time.monotonic() + 8
    while time.monotonic() < patience:
        with state.read() as db:
            if db.execute(query).scalar_one() >= enough:
                break
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.05))


def judge(state: State, took: dict[str, list[Heard]], kills: int) -> dict[str, float]:
    """Compare what was committed with what was taken."""
    incidents = {row.incident_id: row for row in rows(state, INCIDENTS)}
    attempts = rows(state, ATTEMPTS)
    outbox = {row.delivery_id: row for row in rows(state, OUTBOX)}
    told: dict[str, set[tuple[str, str]]] = {
        name: {said for message in messages for said in message.said}
        for name, messages in took.items()
    }
    _nothing_invented(incidents, told)
    obliged = _all_told(incidents, outbox, told, _counted(state, outbox))
    _in_order(took, outbox)
    twice = _duplicates(took, attempts)
    outcomes = collections.Counter(row.outcome for row in attempts)
    lags = sorted(_lags(incidents, took))
    return {
        "kills": kills,
        "incidents": len(incidents),
        "obligations": obliged,
        "messages_taken": sum(map(len, took.values())),
        "attempts": len(attempts),
        "interrupted": outcomes["interrupted"],
        "taken_twice": twice,
        "dead": sum(row.state == "dead" for row in outbox.values()),
        "superseded": sum(row.state == "superseded" for row in outbox.values()),
        "lag_p50": round(lags[len(lags) // 2], 2),
        "lag_p99": round(lags[len(lags) * 99 // 100], 2),
    }


def _nothing_invented(
    incidents: dict[str, sa.Row[tuple[object, ...]]],
    told: dict[str, set[tuple[str, str]]],
) -> None:
    for name, said in told.items():
        for word, incident_id in said:
            if word in ("FIRING", "RESOLVED"):
                assert incident_id in incidents, f"{name} heard of nothing"
                if word == "RESOLVED":
                    assert incidents[incident_id].resolved_ns, f"{name} heard an end"


def _all_told(
    incidents: dict[str, sa.Row[tuple[object, ...]]],
    outbox: dict[str, sa.Row[tuple[object, ...]]],
    told: dict[str, set[tuple[str, str]]],
    counted: set[tuple[str, str]],
) -> int:
    """Every turn reached each channel, or the failover of a channel that refused it.

    *counted* is what the failover of the channel that takes nothing was told by number.
    """
    refused: dict[str, set[tuple[str, str]]] = collections.defaultdict(set)
    for row in outbox.values():
        if row.state == "dead":
            words = json.loads(row.body)["data"]["incidents"]
            refused[row.channel] |= {
                ("RESOLVED" if one["resolved"] else "FIRING", one["incident_id"])
                for one in words
            }
    obliged = 0
    for incident_id, row in incidents.items():
        if row.model == "muted":
            continue  # what a silence hid and ended is rightly told to nobody
        end = ("RESOLVED", incident_id)
        fired = ("FIRING", incident_id)
        for name in ("hook", "slack", "mail", "badtls"):
            heard_of = told[name]
            if name == "badtls":
                heard_of = told["backup"] | counted
            elif name != "mail":
                heard_of = heard_of | (refused[name] & told["backup"])
            if row.resolved_ns:
                assert end in heard_of, f"{name} never heard the end"
            else:
                assert fired in heard_of, f"{name} never heard"
            obliged += 1
        # to the failover one message may tell of both, when the end comes before it
        instead = fired in refused["pager"] and {fired, end} & told["backup"]
        assert fired in told["pager"] or instead, "the pager never heard"
        obliged += 1
    return obliged


def _counted(
    state: State, outbox: dict[str, sa.Row[tuple[object, ...]]]
) -> set[tuple[str, str]]:
    """What the failover of a channel that never answers was told by number only.

    A message names the twenty gravest incidents and counts the rest. A channel that
    takes nothing is owed the ends of all that it never heard of.
    """
    counting = {
        row.message_id
        for row in outbox.values()
        if (row.channel, row.state) == ("backup", "sent")
        and json.loads(row.body)["data"]["more"]
    }
    return {
        ("RESOLVED" if row.told == "resolved" else "FIRING", row.incident_id)
        for row in rows(state, MEMBERS)
        if row.channel == "badtls" and row.message_id in counting
    }


def _in_order(
    took: dict[str, list[Heard]], outbox: dict[str, sa.Row[tuple[object, ...]]]
) -> None:
    """Nobody hears that something fires after hearing that it ended, but twice."""
    for name in ("hook", "slack", "mail"):
        over: set[str] = set()
        seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        for message in took[name]:
            again = (message.key, message.said) in seen
            seen.add((message.key, message.said))
            for word, incident_id in message.said:
                if word == "RESOLVED":
                    over.add(incident_id)
                else:
                    assert incident_id not in over or again, f"{name}: out of order"
    refused = {row.group_id for row in outbox.values() if row.state == "dead"}
    triggered: set[str] = set()
    for message in took["pager"]:
        for word, key in message.said:
            if word == "trigger":
                triggered.add(key)
            elif word in ("acknowledge", "resolve"):
                assert key in triggered | refused, "pager: the end before the start"


def _duplicates(
    took: dict[str, list[Heard]], attempts: list[sa.Row[tuple[object, ...]]]
) -> int:
    """What was taken twice had an attempt that was interrupted, each time."""
    interrupted = collections.Counter(
        row.delivery_id for row in attempts if row.outcome == "interrupted"
    )
    # an answer that came after we had stopped listening is a yes that we never heard
    unheard = collections.Counter(
        row.delivery_id
        for row in attempts
        if row.outcome in ("timeout", "network_error")
    )
    twice = 0
    for name in ("hook", "mail", "backup"):
        times = collections.Counter(message.key for message in took[name])
        for key, count in times.items():
            assert count - 1 <= interrupted[key] + unheard[key], f"{name}: twice"
            twice += count - 1
    return twice


def _lags(
    incidents: dict[str, sa.Row[tuple[object, ...]]], took: dict[str, list[Heard]]
) -> Iterator[float]:
    """Seconds from the commit of a firing to the first receiver that took it."""
    first: dict[str, float] = {}
    for messages in took.values():
        for message in messages:
            for _, incident_id in message.said:
                known = first.get(incident_id, message.at)
                first[incident_id] = min(known, message.at)
    for incident_id, at in first.items():
        if incident_id in incidents:
            yield at - incidents[incident_id].fired_ns / 1e9


def control(state: State, settings: dict[str, object]) -> None:
    """Send a known label through every channel, for the search to find."""
    couriers = build(MonitoringConfig.of(settings))
    outbox = Outbox(state, couriers, Telemetry(), random.Random(0))
    item = Item("", "Slow", "critical", 1, (("model", CONTROL),))
    message = Message("test", "test", "info", 1, items=(item,))
    for name in couriers:
        for _ in range(20):  # a machine with other things to do is slow to answer
            results = [attempt.result for attempt in outbox.test(name, message, 2)]
            if name == "badtls" or any(r.outcome == "sent" for r in results):
                break


def search(folder: Path, clinic: Clinic) -> None:
    """No canary in any byte that any receiver got; the control is in those of each."""
    folder.mkdir()
    for name, hook in clinic.hooks.items():
        raw = [repr(post.headers).encode() + post.body for post in hook.posts]
        (folder / name).write_bytes(b"\n".join(raw))
    mails = [mail.as_bytes() for _, mail in clinic.mail.mails]
    (folder / "mail").write_bytes(b"\n".join(mails))
    assert [] == scan_files(folder, CANARIES)
    found = {hit.carrier for hit in scan_files(folder, [Canary("control", CONTROL)])}
    assert {"hook", "slack", "pager", "mail", "backup"} == found


@pytest.mark.timeout(400)
def test_killed_a_dozen_times(tmp_path: Path) -> None:
    """All told, none invented, in order, no identifier; over 12 kills and any fault."""
    found = run(tmp_path / "data", 12, 1)
    assert found["obligations"] >= 20


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_killed_two_hundred_times(tmp_path: Path) -> None:
    """The same over 200 kills; duplicates happen, and only where they may."""
    found = run(tmp_path / "data", 200, 2)
    print(json.dumps(found))
    assert found["kills"] == 200
    assert found["interrupted"] > 0
