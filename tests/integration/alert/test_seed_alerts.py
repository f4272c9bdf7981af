"""The seed's names for alerts, as a user would call them, against running parts."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from algovigil import MonitoringConfig, Unavailable
from algovigil.alerts import (
    Alert,
    AlertManager,
    AlertRule,
    EmailNotifier,
    NotificationSystem,
    PagerDutyNotifier,
    SlackNotifier,
)
from algovigil.api import ApiRefused
from integration.alert.receivers import Hook

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.alert.receivers import Mailbox

ALERT = Alert("ab" * 16, "Slow <b>", "critical", "firing", "wdbc", "1", None, None)


@pytest.fixture
def config(api: str) -> MonitoringConfig:
    """The settings of a program that asks the processor at *api*."""
    return MonitoringConfig.of({"processor": {"api": api}})


def test_rules_live_in_the_processor(config: MonitoringConfig) -> None:
    """Added, tested and removed; a condition that cannot be obeyed is told so."""
    manager = AlertManager(config)
    manager.start()
    rule = AlertRule(
        name="Slower",
        condition="latency_p95 > 1 s",
        severity="warning",
        duration=300,
        channels=["hook"],
    )
    manager.add_rule(rule)
    assert manager.test_rule("Slower") in (True, False)
    with pytest.raises(ApiRefused):
        manager.add_rule(dataclasses.replace(rule, condition="latency_p95 = 5"))
    manager.remove_rule("Slower")
    with pytest.raises(ApiRefused):
        manager.test_rule("Slower")


def test_alerts_of_now_and_by_hand(config: MonitoringConfig) -> None:
    """What fires is listed; an alert opened by hand is an incident like any other."""
    manager = AlertManager(config)
    assert "Slow" in [alert.rule for alert in manager.get_active_alerts()]
    incident = manager.trigger_alert("Slow", {"model": "other", "version": "2"})
    assert len(incident) == 32
    for payload in ({"model": "other", "note": "Mr Quillmore"}, {"patient": "x"}):
        with pytest.raises(ApiRefused):
            manager.trigger_alert("Slow", payload)
    with pytest.raises(ApiRefused):
        manager.trigger_alert("No such rule", {"model": "other"})


def test_a_channel_is_tested_for_real(config: MonitoringConfig, hook: Hook) -> None:
    """The result says what the receiver answered."""
    (result,) = NotificationSystem(config).test_channel("hook")
    assert (result["outcome"], result["code"]) == ("sent", 200)
    assert json.loads(hook.posts[-1].body)["type"] == "alert.test"
    with pytest.raises(ApiRefused):
        NotificationSystem(config).test_channel("nobody")


def test_no_processor(tmp_path: object) -> None:
    """It is said clearly that nobody answers."""
    config = MonitoringConfig.of({"processor": {"api": "http://127.0.0.1:9"}})
    with pytest.raises(Unavailable):
        AlertManager(config).start()


def test_slack_and_pagerduty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken is what they say they took; everything else is told without the address."""
    slack, pager = Hook(says=b"ok"), Hook()
    monkeypatch.setenv("SLACK_WEBHOOK_URL", slack.url)
    monkeypatch.setenv("PAGERDUTY_INTEGRATION_KEY", "R" * 32)
    notifier = SlackNotifier(webhook_url_env_var="SLACK_WEBHOOK_URL", channel="#ai")
    notifier.send(ALERT)
    assert "Slow &lt;b&gt;" in json.loads(slack.posts[0].body)["text"]
    slack.script.append("mute")
    with pytest.raises(Unavailable) as refusal:
        notifier.send(ALERT)
    assert "s3cret" not in str(refusal.value)
    paging = PagerDutyNotifier("PAGERDUTY_INTEGRATION_KEY", url=pager.url)
    paging.send(ALERT)
    paging.send(ALERT, "resolve")
    events = [json.loads(post.body) for post in pager.posts]
    assert ["trigger", "resolve"] == [event["event_action"] for event in events]
    assert {ALERT.incident_id} == {event["dedup_key"] for event in events}
    slack.close()
    pager.close()


@pytest.mark.usefixtures("trusted")
def test_mail(mailbox: Callable[..., Mailbox], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a login over STARTTLS; a server without it gets nothing."""
    monkeypatch.setenv("EMAIL_PASSWORD", "right")
    box = mailbox(starttls=True, password="right")
    login = {"username": "watch@clinic.test", "password_env_var": "EMAIL_PASSWORD"}
    EmailNotifier("localhost", box.port, **login).send(ALERT)
    assert ["watch@clinic.test"] == [to for to, _ in box.mails]
    clear = mailbox()
    with pytest.raises(Unavailable):
        EmailNotifier("localhost", clear.port, **login).send(ALERT)
    assert [] == clear.mails
