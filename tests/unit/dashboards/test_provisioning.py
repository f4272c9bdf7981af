"""Provisioning files name data sources, dashboards and panels that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

import algovigil_dashboards
from algovigil.dashboards import UIDS
from algovigil_dashboards import NAMES, load

FOLDER = Path(algovigil_dashboards.__file__).parent / "provisioning"


def content(name: str) -> dict[str, Any]:
    """Return one file."""
    found = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def test_data_sources_have_the_uids_of_the_code() -> None:
    """Alert rules and the API client need the same."""
    sources = content("datasources/algovigil.yaml")["datasources"]
    assert UIDS == {each["type"]: each["uid"] for each in sources}
    settings = sources[0]["jsonData"]
    assert ("http", 8123, "otel") == tuple(
        settings[key] for key in ("protocol", "port", "defaultDatabase")
    )
    assert {"password": "$ALGOVIGIL_TOKEN"} == sources[0]["secureJsonData"]


def test_rules_name_what_there_is() -> None:
    """Data source, dashboard, panel; one condition; no macro of the front end."""
    panels = {
        f"algovigil-{name}": {panel["id"] for panel in load(name)["panels"]}
        for name in NAMES
    }
    rules = content("alerting/watchdog.yaml")["groups"][0]["rules"]
    assert rules
    for rule in rules:
        assert re.fullmatch(r"[\w-]{1,40}", rule["uid"])
        assert rule["panelId"] in panels[rule["dashboardUid"]]
        steps = {step["refId"]: step for step in rule["data"]}
        assert rule["condition"] in steps
        for step in steps.values():
            assert step["datasourceUid"] in {*UIDS.values(), "__expr__"}
            sql = step["model"].get("rawSql", "")
            assert not re.search(r"\$__conditionalAll|\$\{|\$(?!__)", sql)


def test_the_provider_reads_where_compose_mounts() -> None:
    """The path of the provider is the target of the mount."""
    (provider,) = content("dashboards/algovigil.yaml")["providers"]
    root = FOLDER.parents[2]
    compose = (root / "docker-compose.otel.yml").read_text("utf-8")
    mount = f"./dashboards/algovigil_dashboards/json:{provider['options']['path']}:ro"
    assert mount in compose
