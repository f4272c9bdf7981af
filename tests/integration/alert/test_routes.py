"""Alerts over REST, from a real store to real receivers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from algovigil.config import Channel, Rule
from algovigil_processor.alert import desk_routes, rule_routes
from algovigil_processor.alert.routes import router

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from algovigil_processor.alert import Alerting
    from integration.alert.receivers import Hook, Mailbox
    from integration.alert.ward import Ward


@pytest.fixture
def alerting(ward: Ward, hook: Hook, mailbox: Callable[..., Mailbox]) -> Alerting:
    """One rule, told to a hook and two mail boxes."""
    box = mailbox()
    box.answers["ben@clinic.test"] = "550 no such user"
    channels = {
        "hook": Channel("webhook", url=hook.url),
        "mail": Channel(
            "email",
            smtp_server="127.0.0.1",
            smtp_port=box.port,
            sender="watch@clinic.test",
            to=("anna@clinic.test", "ben@clinic.test"),
            tls="none",
        ),
    }
    rule = Rule("Slow", "latency_p95 > 2 s", "critical", 0, ("hook", "mail"))
    return ward.open(rule, channels=channels)


@pytest.fixture
def client(ward: Ward, alerting: Alerting) -> Iterator[TestClient]:
    """The API of that alerting."""
    app = FastAPI()
    app.include_router(router(alerting))
    app.include_router(rule_routes.router(alerting.rules, lambda: ward.now_ns))
    app.include_router(desk_routes.router(alerting.delivery, lambda: ward.now_ns))
    with TestClient(app) as opened:
        yield opened


def test_a_story_over_rest(
    ward: Ward, hook: Hook, alerting: Alerting, client: TestClient
) -> None:
    """An alert is listed while it fires, and kept as history; its link leads there."""
    assert client.get("/api/v1/alerts").json() == []
    ward.slow(2500.0)
    alerting.tick(ward.now_ns)
    (active,) = client.get("/api/v1/alerts").json()
    assert active["state"] == "firing"
    assert active["values"] == {"latency_p95": 2500.0}
    (rule,) = client.get("/api/v1/rules").json()
    assert (rule["condition"], rule["results"]) == ("latency_p95 > 2s", {"true": 1})
    assert alerting.deliver(ward.now_ns) == 2
    link = json.loads(hook.posts[0].body)["data"]["link"]
    path = link[link.index("/api/v1") :]
    (incident,) = client.get(path).json()
    assert incident["incident_id"] == active["incident_id"]
    assert (incident["resolved"], incident["value"]) == (None, 2500.0)
    outcomes = ward.mirrored("deliveries", "channel, event, attempt, outcome, code")
    assert sorted(outcomes) == [
        ("hook", "firing", 1, "sent", 200),
        ("mail", "firing", 1, "refused", 550),
        ("mail", "firing", 1, "sent", 250),
    ]


def test_channels_are_tested_for_real(client: TestClient, hook: Hook) -> None:
    """A test sends a real message to each target and says what became of each."""
    (result,) = client.post("/api/v1/channels/hook/test").json()
    assert (result["outcome"], result["code"]) == ("sent", 200)
    (post,) = hook.posts
    assert json.loads(post.body)["type"] == "alert.test"
    assert post.headers["webhook-id"] == result["delivery_id"]
    assert "s3cret" not in str(result)
    results = client.post("/api/v1/channels/mail/test").json()
    assert [(r["target"], r["outcome"]) for r in results] == [
        ("anna@clinic.test", "sent"),
        ("ben@clinic.test", "refused"),
    ]


def test_unknown_channel(client: TestClient) -> None:
    """A channel that nobody declared is not found."""
    assert client.post("/api/v1/channels/nobody/test").status_code == 404


@pytest.mark.parametrize("limit", [0, 1001, "x"])
def test_bounds(client: TestClient, limit: object) -> None:
    """History is bounded."""
    assert client.get(f"/api/v1/alerts/history?limit={limit}").status_code == 422
