"""Web hooks: signed, tried again when it helps, never followed elsewhere."""

from __future__ import annotations

import base64
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from algovigil.config import Channel
from algovigil_processor.alert.deliver.webhook import sign
from integration.alert.owing import INCIDENT, NOON, Owing
from integration.alert.receivers import Hook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration.alert.receivers import Action

DAY = 86_400
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@pytest.fixture
def owing(tmp_path: Path, hook: Hook) -> Iterator[Owing]:
    """One delivery owed to the hook."""
    owing = Owing(tmp_path, {"hook": Channel("webhook", url=hook.url, timeout=3.0)})
    owing.owe()
    yield owing
    owing.state.close()


def test_delivers_once(owing: Owing, hook: Hook) -> None:
    """A message that was taken is not sent again."""
    assert owing.deliver() == 1
    assert owing.deliver(after=DAY) == 0
    (post,) = hook.posts
    assert post.headers["content-type"] == "application/json"
    assert json.loads(post.body)["type"] == "alert.firing"
    (incident,) = json.loads(post.body)["data"]["incidents"]
    assert incident["incident_id"] == INCIDENT
    assert owing.outbox() == [("sent", 1)]
    assert owing.attempts() == [("sent", 200)]


def test_signature(tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a secret each attempt is signed over id, its own time, and body."""
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    channel = Channel("webhook", url=hook.url, secret_env_var="HOOK_SECRET")
    owing = Owing(tmp_path, {"hook": channel})
    owing.owe()
    hook.script.append(500)
    owing.deliver()
    owing.deliver(after=60)
    first, second = hook.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    times = [int(post.headers["webhook-timestamp"]) for post in hook.posts]
    assert times == [NOON // 10**9, NOON // 10**9 + 60]
    for post, at in zip(hook.posts, times, strict=True):
        expected = sign(KEY, post.headers["webhook-id"], at, post.body)
        assert post.headers["webhook-signature"] == expected
    owing.state.close()


@pytest.mark.parametrize(
    ("action", "attempt"),
    [
        (500, ("server_error", 500)),
        (503, ("server_error", 503)),
        (408, ("timeout", 408)),
        (429, ("rate_limited", 429)),
        ("hang", ("timeout", 0)),
        ("reset", ("network_error", 0)),
        ("half", ("network_error", 0)),
    ],
)
def test_passing_faults_are_tried_again(
    owing: Owing, hook: Hook, action: Action, attempt: tuple[str, int]
) -> None:
    """What may pass is tried again, with the same id and the same bytes."""
    hook.script.append(action)
    assert owing.deliver() == 0
    assert owing.outbox() == [("waiting", 1)]
    assert owing.deliver(after=60) == 1
    assert owing.attempts() == [attempt, ("sent", 200)]
    first, second = hook.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


@pytest.mark.parametrize(
    ("action", "attempt"),
    [
        (400, ("client_error", 400)),
        (401, ("auth_error", 401)),
        (404, ("client_error", 404)),
        (410, ("client_error", 410)),
        ((302, {"location": "http://127.0.0.1:9/"}), ("redirect", 302)),
    ],
)
def test_lasting_faults_are_dead_letters(
    owing: Owing, hook: Hook, action: Action, attempt: tuple[str, int]
) -> None:
    """What is refused for good is kept, and not sent again."""
    hook.script.append(action)
    assert owing.deliver() == 0
    assert owing.deliver(after=DAY) == 0
    assert owing.outbox() == [("dead", 1)]
    assert owing.attempts() == [attempt]
    assert len(hook.posts) == 1


def test_redirects_are_not_followed(owing: Owing, hook: Hook) -> None:
    """A redirect to a good receiver is refused all the same."""
    hook.script.append((307, {"location": hook.url}))
    owing.deliver()
    assert len(hook.posts) == 1


def test_retry_after_is_honoured(owing: Owing, hook: Hook) -> None:
    """429 with Retry-After keeps us away that long, and no longer."""
    hook.script.append((429, {"retry-after": "120"}))
    owing.deliver()
    assert owing.deliver(after=119) == 0
    assert len(hook.posts) == 1
    assert owing.deliver(after=2) == 1


def test_an_endless_answer_is_an_answer(owing: Owing, hook: Hook) -> None:
    """A body that never ends neither holds us up nor undoes its 200."""
    hook.script.append("drip")
    assert owing.deliver() == 1


def test_gives_up_after_a_day(owing: Owing, hook: Hook) -> None:
    """A receiver that fails for a day ends in a dead letter, not in silence."""
    hook.script.extend([500] * 50)
    for _ in range(25):
        owing.deliver(after=3600)
    assert owing.outbox() == [("dead", 24)]


def test_what_ended_unheard_is_one_message(owing: Owing, hook: Hook) -> None:
    """What ends before anybody heard that it began is told once: fired and over."""
    hook.script.append((503, {"retry-after": "600"}))
    assert owing.deliver() == 0
    owing.owe("resolved")
    assert owing.outbox() == [("superseded", 1), ("waiting", 0)]
    assert owing.deliver(after=60) == 0  # the wish is the endpoint's, not the message's
    assert owing.deliver(after=600) == 1
    types = [json.loads(post.body)["type"] for post in hook.posts]
    assert types == ["alert.firing", "alert.resolved"]
    (incident,) = json.loads(hook.posts[-1].body)["data"]["incidents"]
    assert incident["fired"] < incident["resolved"]


def test_an_attempt_under_way_is_not_replaced(owing: Owing, hook: Hook) -> None:
    """A message that may be heard this moment is followed, not replaced."""
    events = iter(["resolved"])
    hook.on_post = lambda: [owing.owe(event) for event in events]
    assert owing.deliver() == 2
    assert [state for state, _ in owing.outbox()] == ["sent", "sent"]
    types = [json.loads(post.body)["type"] for post in hook.posts]
    assert types == ["alert.firing", "alert.resolved"]


def test_a_restart_delivers_what_was_owed(owing: Owing, hook: Hook) -> None:
    """What was committed before a stop is sent after the start."""
    owing.state.close()
    owing.restart()
    assert owing.deliver() == 1
    assert len(hook.posts) == 1


def test_a_channel_that_is_down_does_not_hold_up_another(tmp_path: Path) -> None:
    """Four hang at a time, then the rest of that channel waits for the next call."""
    slow, good = Hook(), Hook()
    slow.script.extend(["hang"] * 50)
    channels = {
        "slow": Channel("webhook", url=slow.url, timeout=1.0),
        "good": Channel("webhook", url=good.url, timeout=30.0),
    }
    owing = Owing(tmp_path, channels)
    for number in range(20):
        owing.owe(incident_id=f"{number:032x}")
    assert owing.deliver() == 20
    assert len(good.posts) == 20
    assert len(slow.posts) == 4
    owing.state.close()
    slow.close()
    good.close()


def test_a_removed_channel_is_a_dead_letter(owing: Owing, hook: Hook) -> None:
    """A message for a channel that is gone is kept as undeliverable."""
    owing.state.close()
    owing.config = Owing(owing.data_dir, {}).config
    owing.restart()
    owing.deliver()
    assert owing.attempts() == [("channel_removed", 0)]
    assert owing.outbox() == [("dead", 1)]
    assert hook.posts == []


def test_untrusted_certificates_are_refused(tmp_path: Path) -> None:
    """A receiver whose certificate nobody vouches for gets nothing."""
    hook = Hook(tls=True)
    owing = Owing(tmp_path, {"hook": Channel("webhook", url=hook.url)})
    owing.owe()
    assert owing.deliver() == 0
    assert owing.attempts() == [("tls_error", 0)]
    assert hook.posts == []
    owing.state.close()
    hook.close()


@pytest.mark.usefixtures("trusted")
def test_trusted_certificates_are_used(tmp_path: Path) -> None:
    """The certificates that the system trusts are those that we trust."""
    hook = Hook(tls=True)
    owing = Owing(tmp_path, {"hook": Channel("webhook", url=hook.url)})
    owing.owe()
    assert owing.deliver() == 1
    owing.state.close()
    hook.close()


def test_no_secret_in_a_log(
    owing: Owing, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    """The URL, which may hold a secret, is in no line of our log."""
    caplog.set_level(logging.DEBUG, "algovigil_processor")
    hook.script.extend(["reset", 400])
    owing.deliver()
    owing.deliver(after=60)
    ours = [r for r in caplog.records if r.name.startswith("algovigil")]
    assert any("is dead" in record.getMessage() for record in ours)
    assert not any("s3cret" in record.getMessage() for record in ours)


def test_attempts_are_counted(owing: Owing, hook: Hook) -> None:
    """Self-metrics count attempts by channel type and outcome."""
    hook.script.append(500)
    owing.deliver()
    owing.deliver(after=60)
    counted: dict[str, Any] = {
        outcome: owing.telemetry.total(
            "alert.deliveries", type="webhook", outcome=outcome
        )
        for outcome in ("sent", "server_error")
    }
    assert counted == {"sent": 1, "server_error": 1}
