"""Several replicas on a real PostgreSQL: one leads, another takes over."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from algovigil.config import Alerts, Channel, Grouping, MonitoringConfig
from algovigil_processor.alert.delivery import Delivery
from algovigil_processor.alert.lease import Lease, Lost
from algovigil_processor.alert.tables import INCIDENTS, OUTBOX, TABLES
from algovigil_processor.state import METADATA, State
from algovigil_processor.telemetry import Telemetry
from integration.alert.receivers import Hook
from integration.alert.ward import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.debian, pytest.mark.timeout(240)]

SECONDS = 1.0


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found, "make test-debian installs postgresql"
    return str(found[-1])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A PostgreSQL server of this test's own, on a socket of its own."""
    user: list[str] = []
    with tempfile.TemporaryDirectory(prefix="algovigil-pg-") as folder:
        if not os.geteuid():  # it refuses to run as root
            user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres", "postgres")
        data = f"{folder}/data"
        run = [*user, _program("initdb"), "-D", data, "-U", "test", "--auth=trust"]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        server = [_program("postgres"), "-D", data, "-k", folder, "-h", ""]
        with subprocess.Popen(
            [*user, *server], stderr=subprocess.DEVNULL, cwd=folder
        ) as process:
            address = f"postgresql://test@/postgres?host={folder}"
            try:
                _wait(address)
                yield address
            finally:
                process.terminate()


def _wait(address: str) -> None:
    patience = time.monotonic() + 60
    while True:
        with contextlib.suppress(Exception):
            State.open(address, Path("/nowhere")).close()
            return
        assert time.monotonic() < patience
        time.sleep(0.1)


@pytest.fixture
def replica(url: str) -> Iterator[Callable[[], State]]:
    """Open connections of replicas to one empty database."""
    with contextlib.ExitStack() as stack:

        def one() -> State:
            state = State.open(url, Path("/nowhere"))
            stack.callback(state.close)
            return state

        state = one()
        with state.write() as db:
            METADATA.drop_all(db)
        state.create(TABLES)
        yield one


def test_one_leads_and_another_takes_over(replica: Callable[[], State]) -> None:
    """Within the lease after the leader is gone, at once after it has said so."""
    first, second = Lease(replica(), SECONDS), Lease(replica(), SECONDS)
    assert (True, False) == (first.held(), second.held())
    lost = time.monotonic()
    while not second.held():  # first says no more
        assert time.monotonic() - lost < SECONDS + 10
        time.sleep(0.02)
    assert time.monotonic() - lost > SECONDS * 0.5
    assert not first.held()
    second.give_up()
    assert first.held()


def test_a_leader_that_slept_writes_nothing(replica: Callable[[], State]) -> None:
    """Its transaction fails, although it still thinks that it leads."""
    states = replica(), replica()
    first, second = Lease(states[0], 0.3), Lease(states[1], 60)
    assert first.held()
    time.sleep(0.4)  # asleep, as a paused process is
    assert second.held()
    with pytest.raises(Lost), states[0].write() as db:
        first.confirm(db)
    with states[1].write() as db:
        second.confirm(db)


def test_never_two(replica: Callable[[], State]) -> None:
    """Many that ask at once: at no time do two hold it."""
    leases = [Lease(replica(), 60) for _ in range(6)]
    held: list[bool] = []
    threads = [
        threading.Thread(target=lambda lease=lease: held.append(lease.held()))
        for lease in leases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [False] * 5 + [True] == sorted(held)


def test_two_senders_send_once(replica: Callable[[], State]) -> None:
    """Replicas that both deliver share the rows by their claims: each is sent once."""
    with contextlib.closing(Hook()) as hook:
        config = MonitoringConfig(
            alerts=Alerts(
                channels={"first": Channel("webhook", url=hook.url)},
                private_networks=LOOPBACK,
                grouping=Grouping(by=("model",), wait=0, interval=0, most=100),
            )
        )
        both = [
            Delivery(replica(), config, Telemetry(), lambda _, t: t, random.Random(n))
            for n in range(2)
        ]
        now_ns = time.time_ns()
        state = replica()
        _owe(state, both[0], now_ns)
        threads = [threading.Thread(target=one.deliver, args=(now_ns,)) for one in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in both:
            one.deliver(now_ns)
        ids = [post.headers["webhook-id"] for post in hook.posts]
        assert 40 == len(ids) == len(set(ids))
        with state.read() as db:
            states = db.execute(sa.select(OUTBOX.c.state)).scalars()
            assert {"sent"} == set(states)


def _owe(state: State, delivery: Delivery, now_ns: int) -> None:
    from algovigil_processor.alert.evaluate.lifecycle import Identity
    from algovigil_processor.alert.evaluate.readings import Subject
    from algovigil_processor.alert.turn import Turn

    turns = []
    with state.write() as db:
        for number in range(40):
            subject = Subject(f"m{number}", "1")
            incident_id = f"{number:032x}"
            db.execute(
                sa.insert(INCIDENTS).values(
                    incident_id=incident_id,
                    rule="Slow",
                    severity="critical",
                    **subject._asdict(),
                    condition="latency_p95 > 2s",
                    since_ns=now_ns,
                    fired_ns=now_ns,
                    resolved_ns=0,
                    ending="",
                    value=None,
                )
            )
            identity = Identity("Slow", subject)
            turns.append(
                Turn(identity, incident_id, "critical", ("first",), now_ns, now_ns)
            )
        delivery.lease.held()
        delivery.announce(db, turns, now_ns)
