"""Grouping, inhibition and silences agree with Alertmanager, where they are to agree.

The same inputs at the same offsets go to Debian's `prometheus-alertmanager`, in real
time, and to ours, on a clock of its own. Each scenario is a group of its own; what is
compared is the sequence of messages: who fires, and who has ended, in each.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from algovigil.config import Escalation, Grouping, Inhibition
from integration.alert.receivers import Hook
from integration.alert.test_story import Desk
from integration.alert.ward import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = [pytest.mark.debian, pytest.mark.timeout(240)]

WAIT, INTERVAL, REPEAT, END = 2.0, 4.0, 10.0, 25.0
Said = list[tuple[frozenset[str], frozenset[str]]]


@dataclass(frozen=True, slots=True)
class Do:
    """One input, some seconds after the beginning."""

    at: float
    act: str
    """`fire`, `end`, or `silence` for some seconds."""
    rule: str
    severity: str = "warning"
    seconds: float = 0.0


def fire(at: float, rule: str, severity: str = "warning") -> Do:
    return Do(at, "fire", rule, severity)


def end(at: float, rule: str, severity: str = "warning") -> Do:
    return Do(at, "end", rule, severity)


def silence(at: float, rule: str, seconds: float) -> Do:
    return Do(at, "silence", rule, seconds=seconds)


AGREED: Mapping[str, list[Do]] = {
    # ticks of a group that begins at 0: 2, 6, 10, 14, 18, 22
    "grouped": [
        fire(0, "A"),
        fire(0.6, "B"),
        fire(4, "C"),
        end(8, "A"),
        end(12, "B"),
        end(12, "C"),
    ],
    "too-short": [fire(0, "A"), end(1, "A")],
    "repeated": [fire(0, "A")],
    "again": [fire(0, "A"), fire(0, "B"), end(4, "A"), fire(8, "A")],
    "inhibited": [fire(0, "S", "info"), fire(0.4, "T"), end(8, "S", "info")],
    "inhibited-to-the-end": [
        fire(0, "S", "info"),
        fire(0.4, "T"),
        end(8, "T"),
        end(12, "S", "info"),
    ],
    "silenced-before": [silence(0, "A", 8), fire(0.6, "A"), fire(0.6, "B")],
    "silenced-throughout": [silence(0, "A", 60), fire(0.6, "A"), end(8, "A")],
    "one-of-two-silenced": [
        silence(0, "A", 60),
        fire(0.6, "A"),
        fire(0.6, "B"),
        end(8, "B"),
    ],
}
DIFFERENT: Mapping[str, list[Do]] = {
    "ends-in-a-silence": [fire(0, "A"), silence(4, "A", 60), end(8, "A")],
    "critical": [fire(0, "A", "critical"), end(1, "A", "critical")],
    "silence-ends": [fire(0, "A"), silence(3, "A", 2)],
}
EVERYTHING = {**AGREED, **DIFFERENT}
CONFIG = f"""
route:
  receiver: hook
  group_by: [model]
  group_wait: {WAIT:g}s
  group_interval: {INTERVAL:g}s
  repeat_interval: {REPEAT:g}s
inhibit_rules:
  - source_matchers: ['severity="info"']
    target_matchers: ['severity="warning"']
    equal: [model]
receivers:
  - name: hook
    webhook_configs:
      - url: HOOK
        send_resolved: true
"""


class Theirs:
    """A running Alertmanager."""

    def __init__(self, api: str) -> None:
        self._api = api
        self._started: dict[tuple[str, str], str] = {}

    def call(self, path: str, body: object | None = None) -> None:
        """Ask its API."""
        request = urllib.request.Request(
            f"{self._api}/api/v2/{path}",
            None if body is None else json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    def do(self, scenario: str, do: Do) -> None:
        """Put in one input, now."""
        now = datetime.now(UTC)
        if do.act == "silence":
            names = {"model": scenario, "rule": do.rule}
            wanted = [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in names.items()
            ]
            self.call(
                "silences",
                {
                    "matchers": wanted,
                    "startsAt": now.isoformat(),
                    "endsAt": (now + timedelta(seconds=do.seconds)).isoformat(),
                    "createdBy": "test",
                    "comment": "test",
                },
            )
            return
        began = self._started.setdefault((scenario, do.rule), now.isoformat())
        over = do.act == "end"
        if over:
            del self._started[scenario, do.rule]
        ends = now if over else now + timedelta(hours=1)
        labels = {"model": scenario, "rule": do.rule, "severity": do.severity}
        alert = {"labels": labels, "startsAt": began, "endsAt": ends.isoformat()}
        self.call("alerts", [alert])


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """What Alertmanager said, by scenario."""
    program = shutil.which("prometheus-alertmanager")
    assert program, "make test-debian installs prometheus-alertmanager"
    folder = tmp_path_factory.mktemp("alertmanager")
    with contextlib.closing(Hook()) as hook, contextlib.closing(Hook()) as free:
        port = free.url.rpartition(":")[2].partition("/")[0]
        free.close()
        config = folder / "alertmanager.yml"
        config.write_text(CONFIG.replace("HOOK", hook.url))
        command = [
            program,
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                them = Theirs(f"http://127.0.0.1:{port}")
                _wait(them)
                _play(them)
            finally:
                process.terminate()
        return _heard(hook, "alerts", lambda a: a["labels"], lambda a: a["status"])


def _wait(them: Theirs) -> None:
    patience = time.monotonic() + 60
    while True:
        try:
            them.call("status")
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < patience
            time.sleep(0.1)
        else:
            return


def _play(them: Theirs) -> None:
    steps = sorted(
        ((do.at, name, do) for name, dos in EVERYTHING.items() for do in dos),
        key=lambda step: (step[0], step[1]),
    )
    begun = time.monotonic()
    for at, name, do in steps:
        time.sleep(max(begun + at - time.monotonic(), 0))
        them.do(name, do)
    time.sleep(max(begun + END - time.monotonic(), 0))


def _heard(hook: Hook, key: str, labels: object, status: object) -> dict[str, Said]:
    said: dict[str, Said] = {name: [] for name in EVERYTHING}
    for post in hook.posts:
        read = json.loads(post.body)
        alerts = (read.get("data") or read)[key]
        groups: dict[str, set[str]] = {"firing": set(), "resolved": set()}
        for alert in alerts:
            groups[status(alert)].add(labels(alert)["rule"])  # type: ignore[operator]
        model = labels(alerts[0])["model"]  # type: ignore[operator]
        one = (frozenset(groups["firing"]), frozenset(groups["resolved"]))
        said[model].append(one)
    return said


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """What ours said, by scenario."""
    return {name: _ours(tmp_path_factory.mktemp(name), name) for name in EVERYTHING}


def _ours(folder: Path, name: str) -> Said:
    desk = Desk(folder)
    desk.open(
        Escalation(),
        grouping=Grouping(wait=WAIT, interval=INTERVAL, repeat=REPEAT),
        inhibitions=(
            Inhibition(('severity="info"',), ('severity="warning"',), ("model",)),
        ),
    )
    begun = desk.now_ns
    left = sorted(EVERYTHING[name], key=lambda do: do.at)
    open_ids: dict[str, str] = {}
    while desk.now_ns - begun < END * SECOND:
        while left and desk.now_ns - begun >= left[0].at * SECOND:
            _do(desk, name, left.pop(0), open_ids)
        desk.look()
        desk.now_ns += SECOND // 5
    said = _heard(
        desk.hooks["first"],
        "incidents",
        lambda a: a,
        lambda a: "resolved" if a["resolved"] else "firing",
    )
    desk.close()
    return said[name]


def _do(desk: Desk, model: str, do: Do, open_ids: dict[str, str]) -> None:
    if do.act == "fire":
        open_ids[do.rule] = desk.fire(model, severity=do.severity, rule=do.rule)
    elif do.act == "end":
        desk.end(open_ids.pop(do.rule), model)
    else:
        now_ns = desk.now_ns
        desk.delivery.desk.silence(
            [f'model="{model}"', f'rule="{do.rule}"'],
            "test",
            "test",
            now_ns,
            now_ns + int(do.seconds * SECOND),
            now_ns,
        )


@pytest.mark.parametrize("name", AGREED)
def test_agrees(name: str, ours: dict[str, Said], theirs: dict[str, Said]) -> None:
    """The same messages, in the same order."""
    assert theirs[name] == ours[name]


A: frozenset[str] = frozenset("A")
NONE: frozenset[str] = frozenset()


def test_the_end_in_a_silence_is_told_by_us(
    ours: dict[str, Said], theirs: dict[str, Said]
) -> None:
    """Alertmanager leaves whoever was told with an alert that never ends."""
    assert theirs["ends-in-a-silence"] == [(A, NONE)]
    assert ours["ends-in-a-silence"] == [(A, NONE), (NONE, A)]


def test_critical_does_not_wait_with_us(
    ours: dict[str, Said], theirs: dict[str, Said]
) -> None:
    """One that ends within `wait` is told all the same."""
    assert theirs["critical"] == []
    assert ours["critical"] == [(A, NONE), (NONE, A)]


def test_the_end_of_a_silence_is_told_by_us(
    ours: dict[str, Said], theirs: dict[str, Said]
) -> None:
    """What still fires when a silence ends is told at once, not at the next repeat."""
    assert theirs["silence-ends"] == [(A, NONE)] * 2  # the second is the repeat, at 14
    assert ours["silence-ends"][:2] == [(A, NONE)] * 2
    assert len(ours["silence-ends"]) == 3
