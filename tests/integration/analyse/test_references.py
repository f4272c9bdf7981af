"""References over REST: made, listed, shown, put in force; and acting on a verdict."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from algovigil_processor.analyse.drift import routes
from integration.analyse.clinic import NOON, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from algovigil_processor.analyse import Analysis
    from integration.analyse.clinic import Clinic

FEATURE = {
    "feature": "age",
    "kind": "numeric",
    "unit": "years",
    "edges": [0, 40, 60, "inf"],
    "counts": [0, 100, 100, 100, 0, 0, 0],
    "sample": [30, 50, 70, "nan"],
}


@pytest.fixture
def api(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Callable[[Analysis], Any]:
    """The routes of an analysis, a millisecond after noon, then another, ..."""
    moments = itertools.count(NOON + SECOND // 1000, SECOND // 1000)
    monkeypatch.setattr(routes, "_now", lambda: next(moments))

    def of(analysis: Analysis) -> TestClient:
        app = FastAPI()
        app.include_router(routes.router(analysis.references, analysis.retraining))
        return TestClient(app)

    return of


def ago(first: int, rows: int) -> list[int]:
    return [NOON - first * SECOND + i * SECOND // 100 for i in range(rows)]


def test_a_reference_made_elsewhere_is_stored_and_put_in_force(
    clinic: Clinic, rng: np.random.Generator, api: Any
) -> None:
    """From profiles to a verdict: the model is compared with the file, and named."""
    analysis = clinic.analysis(drift_detection={"window": 1800})
    client = api(analysis)
    made = {
        "model": "m",
        "version": "1",
        "source": "file",
        "features": [FEATURE],
        "subgroups": [
            {"key": "site", "value": "n", "counts": [[0, 90, 90, 90, 0, 0, 0]]}
        ],
        "activate": True,
    }
    answer = client.post("/api/v1/references", json=made)
    assert 201 == answer.status_code, answer.text
    known = answer.json()
    assert ("file", True, 300, 1) == (
        known["source"],
        known["active"],
        known["rows"],
        known["subgroups"],
    )
    reference_id = known["reference_id"]
    # the same content has the same name, and is there once
    assert (
        reference_id
        == client.post("/api/v1/references", json=made).json()["reference_id"]
    )
    assert [reference_id] == [
        r["reference_id"] for r in client.get("/api/v1/references?model=m").json()
    ]
    shown = client.get(f"/api/v1/references/{reference_id}").json()
    assert [0, 40, 60, None] == shown["profiles"][0]["edges"]
    clinic.predict("m", ago(600, 300), {"age": rng.normal(80, 3, 300)}, site="n")
    analysis.tick(NOON)
    found = clinic.findings("m")
    assert ("drift", "critical") == (
        found["age", "psi"]["status"],
        found["age", "psi"]["severity"],
    )
    of_site = clinic.rows(
        "SELECT status FROM drift_findings WHERE subgroup_key = 'site' "
        "AND subgroup_value = 'n' AND method = 'psi'"
    )
    assert [{"status": "drift"}] == of_site


def test_a_reference_of_a_window_replaces_the_provisional_one(
    clinic: Clinic, rng: np.random.Generator, api: Any
) -> None:
    """Shown as provisional first; then the chosen window counts."""
    clinic.predict("m", ago(9000, 1000), {"x": rng.normal(size=1000)})
    clinic.predict("m", ago(5000, 500), {"x": rng.normal(3, 1, 500)})
    clinic.predict("m", ago(600, 400), {"x": rng.normal(3, 1, 400)})
    analysis = clinic.analysis(drift_detection={"window": 1800, "interval": 1})
    analysis.tick(NOON)
    client = api(analysis)
    (first,) = client.get("/api/v1/references").json()
    assert ("provisional", True, True) == (
        first["source"],
        first["provisional"],
        first["active"],
    )
    assert "drift" == clinic.findings("m")["", "model"]["status"]
    window = {
        "model": "m",
        "version": "1",
        "start": "2025-06-15T13:40:00",
        "end": "2025-06-15T14:00:00Z",
        "activate": True,
    }
    second = client.post("/api/v1/references/window", json=window)
    assert 201 == second.status_code, second.text
    assert 500 == second.json()["rows"]
    analysis.tick(NOON + 2 * SECOND)
    assert "ok" == clinic.findings("m")["", "model"]["status"]
    back = client.post(f"/api/v1/references/{first['reference_id']}/activate").json()
    assert back["active"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"edges": [0, 40, 40, "inf"]},
        {"edges": [0, "nan", 60, "inf"]},
        {"counts": [1, 2]},
        {"counts": [0, -1, 100, 100, 0, 0, 0]},
        {"feature": ""},
        {"kind": "categorical"},
        {"surprise": 1},
    ],
)
def test_profiles_that_do_not_fit_are_refused(
    clinic: Clinic, api: Any, wrong: dict[str, Any]
) -> None:
    """422, and nothing is stored."""
    client = api(clinic.analysis())
    made = {"model": "m", "version": "1", "features": [FEATURE | wrong]}
    assert 422 == client.post("/api/v1/references", json=made).status_code
    assert [] == client.get("/api/v1/references").json()


def test_what_is_not_there_is_said(clinic: Clinic, api: Any) -> None:
    """404 for an unknown id, 409 for a window without predictions."""
    client = api(clinic.analysis())
    assert 404 == client.get("/api/v1/references/none").status_code
    assert 404 == client.post("/api/v1/references/none/activate").status_code
    window = {
        "model": "m",
        "start": "2025-06-15T14:20:00",
        "end": "2025-06-15T14:40:00",
    }
    answer = client.post("/api/v1/references/window", json=window)
    assert 409 == answer.status_code
    assert "hint: widen it" in answer.json()["detail"]


def test_drift_is_dated_and_becomes_a_request(
    clinic: Clinic, rng: np.random.Generator, api: Any
) -> None:
    """A new device and a shift at the same time: dated, a lead named, recorded once."""
    clinic.predict("m", ago(20_000, 1000), {"x": rng.normal(size=1000)}, device="old")
    for first in range(9000, 3000, -300):
        clinic.predict("m", ago(first, 60), {"x": rng.normal(size=60)}, device="old")
    for first in range(3000, 0, -300):
        x = rng.normal(2, 1, 60)
        clinic.predict("m", ago(first, 60), {"x": x}, device="new")
    analysis = clinic.analysis(drift_detection={"window": 1800})
    client = api(analysis)
    assert (
        409 == client.post("/api/v1/models/m/retraining-requests?version=1").status_code
    )
    analysis.tick(NOON)
    (change,) = clinic.rows(
        "SELECT feature, toUnixTimestamp64Nano(changed) AS at, cause, cause_value "
        "FROM drift_changes WHERE feature = 'x'"
    )
    assert ("device", "new") == (change["cause"], change["cause_value"])
    assert 300 >= abs(change["at"] - (NOON - 3000 * SECOND)) / SECOND
    answer = client.post("/api/v1/models/m/retraining-requests?version=1")
    assert 201 == answer.status_code
    request = answer.json()
    assert "x" in request["features"]
    assert "device" == request["cause"]
    again = client.post("/api/v1/models/m/retraining-requests?version=1").json()
    assert request["request_id"] == again["request_id"]
    assert [{"n": 1}] == clinic.rows("SELECT count() AS n FROM retraining_requests")
