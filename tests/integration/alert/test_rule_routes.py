"""Rules over REST: set, judged, explained, removed; who did it stays on record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from algovigil.config import Channel, Rule
from algovigil_processor.alert import rule_routes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil_processor.alert import Alerting
    from integration.alert.ward import Ward

CHANNELS = {"hook": Channel("webhook", url="http://127.0.0.1:9/")}
URL = "/api/v1/rules/Too slow"
BODY = {"condition": "latency_p95>2 s", "severity": "critical", "channels": ["hook"]}


@pytest.fixture
def alerting(ward: Ward) -> Alerting:
    """Alerting with one rule of the settings."""
    return ward.open(Rule("Of the file", "psi > 1"), channels=CHANNELS)


@pytest.fixture
def client(ward: Ward, alerting: Alerting) -> Iterator[TestClient]:
    """The API of its rules."""
    app = FastAPI()
    app.include_router(rule_routes.router(alerting.rules, lambda: ward.now_ns))
    with TestClient(app) as opened:
        yield opened


def phases(alerting: Alerting) -> list[tuple[str, str]]:
    """Rule and phase of each alert."""
    return [(standing.rule, standing.phase) for standing in alerting.active()]


def test_a_rule_lives_in_the_database(
    ward: Ward, alerting: Alerting, client: TestClient
) -> None:
    """A rule that is set is judged at the next slot, and after a restart too."""
    set_ = client.put(URL, params={"by": "anna"}, json=BODY)
    assert 200 == set_.status_code
    assert ("latency_p95 > 2s", "api") == (
        set_.json()["condition"],
        set_.json()["origin"],
    )
    ward.slow(2500.0)
    alerting.tick(ward.now_ns)
    assert [("Too slow", "firing")] == phases(alerting)
    again = ward.open(Rule("Of the file", "psi > 1"), channels=CHANNELS)
    again.tick(ward.later(1))
    assert ["Of the file", "Too slow"] == [v.setting.name for v in again.rules.all()]
    assert [("Too slow", "firing")] == phases(again)


def test_a_removed_rule_ends_what_it_began(
    ward: Ward, alerting: Alerting, client: TestClient
) -> None:
    """Removing a rule ends its alerts at once, for the reason that it is gone."""
    client.put(URL, params={"by": "anna"}, json=BODY)
    ward.slow(2500.0)
    alerting.tick(ward.now_ns)
    assert 204 == client.delete(URL, params={"by": "ben"}).status_code
    assert [] == phases(alerting)
    assert "rule_removed" == alerting.history()[0].ending
    alerting.tick(ward.later(1))
    assert [] == phases(alerting)
    assert 404 == client.delete(URL, params={"by": "ben"}).status_code


def test_an_edit_in_flight(ward: Ward, alerting: Alerting, client: TestClient) -> None:
    """Pending begins anew under another condition; what fires, fires on, edited or not.

    A longer duration does not take back what people were told, nor does another
    severity fork the alert.
    """
    patient = BODY | {"duration": 5.0}
    client.put(URL, params={"by": "anna"}, json=patient)
    ward.slow(2500.0)
    alerting.tick(ward.now_ns)
    client.put(
        URL, params={"by": "anna"}, json=patient | {"condition": "latency_p95 > 1 s"}
    )
    for _ in range(5):
        ward.later(1)
        alerting.tick(ward.now_ns)
    assert [("Too slow", "pending")] == phases(alerting)
    alerting.tick(ward.later(1))
    assert [("Too slow", "firing")] == phases(alerting)
    edited = patient | {"condition": "latency_p95 > 1 s", "duration": 600.0}
    client.put(URL, params={"by": "anna"}, json=edited | {"severity": "info"})
    alerting.tick(ward.later(1))
    assert [("Too slow", "firing")] == phases(alerting)
    assert 1 == len(alerting.history())


def test_every_change_is_on_record(alerting: Alerting, client: TestClient) -> None:
    """Who set, changed and removed a rule, from what to what; no change, no entry."""
    for by, body in (
        ("anna", BODY),
        ("anna", BODY),
        ("ben", BODY | {"duration": 60.0}),
    ):
        client.put(URL, params={"by": by}, json=body)
    client.delete(URL, params={"by": "carl"})
    changes = client.get("/api/v1/rules/changes", params={"rule": "Too slow"}).json()
    assert [("removed", "carl"), ("changed", "ben"), ("created", "anna")] == [
        (change["action"], change["actor"]) for change in changes
    ]
    before, after = (json.loads(changes[1][key]) for key in ("before", "after"))
    assert (0.0, 60.0) == (before["duration"], after["duration"])
    assert before | {"duration": 60.0} == after


def test_rules_of_the_settings_are_on_record_too(
    ward: Ward, alerting: Alerting, client: TestClient
) -> None:
    """A changed file shows in the same record, at the first slot under it."""
    alerting.tick(ward.now_ns)
    ward.open(Rule("Of the file", "psi > 2"), channels=CHANNELS).tick(ward.later(1))
    changes = client.get("/api/v1/rules/changes").json()
    assert [("changed", "settings"), ("created", "settings")] == [
        (change["action"], change["actor"]) for change in changes
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"condition": "latency_p95 = 5"}, "write `==`"),
        ({"condition": "error_rate > 5"}, "write `5%` or `0.05`"),
        ({"condition": "psi > 1", "severity": "high"}, "severity of rule"),
        ({"condition": "psi > 1", "channels": ["hok"]}, "did you mean `hook`"),
        ({"condition": "psi > 1", "on_error": "ok"}, "keep, alert"),
    ],
)
def test_a_rule_that_cannot_be_obeyed(
    client: TestClient, body: dict[str, object], said: str
) -> None:
    """It is refused with found, expected, hint, and nothing changes."""
    refused = client.put(URL, params={"by": "anna"}, json=body)
    assert 422 == refused.status_code
    assert said in refused.json()["detail"]
    assert ["Of the file"] == [
        rule["name"] for rule in client.get("/api/v1/rules").json()
    ]


def test_the_settings_rules_are_theirs(client: TestClient) -> None:
    """What the file gives is changed in the file."""
    url = "/api/v1/rules/Of the file"
    for answer in (
        client.put(url, params={"by": "anna"}, json=BODY),
        client.delete(url, params={"by": "anna"}),
    ):
        assert 409 == answer.status_code
        assert "monitoring_config.yaml" in answer.json()["detail"]


def test_explain(ward: Ward, client: TestClient) -> None:
    """A rule is explained by its numbers, its statements and the present."""
    ward.slow(2500.0)
    body = {"condition": "latency_p95 > 2 s and cpu_percent > 90%"}
    found = client.post("/api/v1/rules/explain", json=body).json()
    assert "latency_p95 > 2000 and cpu_percent > 90" == found["judged"]
    assert {("calls", 10), ("resources", 10)} == {
        (read["source"], read["window"]) for read in found["reads"]
    }
    assert any("FROM inferences" in read["sql"] for read in found["reads"])
    (outcome,) = found["outcomes"]
    assert ("wdbc", "unknown", "missing") == (
        outcome["model"],
        outcome["result"],
        outcome["reason"],
    )
    assert {"latency_p95": 2500.0, "cpu_percent": None} == outcome["values"]
    named = client.get("/api/v1/rules/Of the file/explain").json()
    assert "psi > 1" == named["condition"]
    assert 404 == client.get("/api/v1/rules/nobody/explain").status_code
