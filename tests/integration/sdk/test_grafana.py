"""Data sources and dashboards in a Grafana that checks what it is sent."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from algovigil import ConfigError, GrafanaIntegration, MonitoringConfig, Unavailable
from algovigil.cli import main
from algovigil.dashboards import GrafanaRefused
from algovigil_dashboards import NAMES
from integration.sdk.grafana import Grafana

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = {"GRAFANA_API_KEY": "glsa_test", "ALGOVIGIL_TOKEN": "t0ken"}


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with Grafana() as served:
        yield served


def integration(url: str, environ: dict[str, str] | None = None) -> GrafanaIntegration:
    config = MonitoringConfig()
    where = dataclasses.replace(config.grafana, url=url)
    return GrafanaIntegration(
        dataclasses.replace(config, grafana=where), KEY if environ is None else environ
    )


def test_the_first_time_creates_and_the_second_changes_nothing(
    grafana: Grafana,
) -> None:
    """As many data sources, folders and dashboards after the second time as before."""
    here = integration(grafana.url)
    states = []
    for _ in range(2):
        here.configure_data_source("Prometheus", "http://prometheus:9090")
        here.configure_data_source("Algovigil", "http://processor:8123")
        paths = [
            *here.create_medical_ai_dashboards(),
            *here.create_clinical_outcomes_dashboard(),
            *here.create_system_performance_dashboard(),
        ]
        states.append((grafana.sources, grafana.folders, grafana.dashboards))
        assert 6 == len(set(paths))
    assert states[0] == states[1]
    assert {"algovigil-clickhouse", "algovigil-prometheus"} == set(grafana.sources)
    assert ["Algovigil"] == [folder["title"] for folder in grafana.folders.values()]
    assert 1 == grafana.writes.count("POST /api/folders")
    assert {
        f"algovigil-{kind}{name}"
        for kind in ("", "prometheus-")
        for name in ("medical-ai", "clinical-outcomes", "system-performance")
    } == set(grafana.dashboards)


def test_a_data_source_says_where_the_sql_port_is(grafana: Grafana) -> None:
    """Host, port and TLS of the URL; the token is a secret field; a change is a PUT."""
    here = integration(grafana.url)
    here.configure_data_source("Algovigil", "https://vigil.example/clickhouse")
    source = grafana.sources["algovigil-clickhouse"]
    settings = source["jsonData"]
    assert ("vigil.example", 443, True, "clickhouse", "otel") == tuple(
        settings[k] for k in ("host", "port", "secure", "path", "defaultDatabase")
    )
    assert {"password": "t0ken"} == source["secureJsonData"]
    assert "t0ken" not in json.dumps(settings)
    here.configure_data_source("Algovigil", "http://processor:8123")
    assert 8123 == grafana.sources["algovigil-clickhouse"]["jsonData"]["port"]


def test_dashboards_open_on_our_data_source(grafana: Grafana) -> None:
    """Whatever other data sources there are."""
    here = integration(grafana.url)
    here.configure_data_source("Algovigil", "http://processor:8123")
    here.create_all()
    assert {f"algovigil-{n}" for n in NAMES if "prometheus" not in n} == set(
        grafana.dashboards
    )
    for dashboard in grafana.dashboards.values():
        first = dashboard["templating"]["list"][0]
        assert "algovigil-clickhouse" == first["current"]["value"]


def test_name_and_password_work_too(grafana: Grafana) -> None:
    """Without a key the account is used."""
    environ = {"GRAFANA_USERNAME": "admin", "GRAFANA_PASSWORD": "secret"}
    here = integration(grafana.url, environ)
    here.configure_data_source("Prometheus", "http://prometheus:9090")
    assert 1 == len(here.create_medical_ai_dashboards())


def test_what_goes_wrong_is_told() -> None:
    """Credentials, no data source, no Grafana, a Grafana that fails, a wrong URL."""
    with Grafana() as grafana:
        with pytest.raises(GrafanaRefused, match=r"401 .*set GRAFANA_API_KEY"):
            integration(grafana.url, {}).create_all()
        with pytest.raises(ConfigError, match="no data source of Algovigil"):
            integration(grafana.url).create_all()
        with pytest.raises(ConfigError, match="http://host:port"):
            integration(grafana.url).configure_data_source("a", "processor:8123")
        assert [] == grafana.writes
    with pytest.raises(Unavailable, match=r"set grafana\.url"):
        integration(grafana.url).create_all()
    with (
        Grafana(broken=500) as grafana,
        pytest.raises(GrafanaRefused, match=r"500 for GET .*broken on purpose"),
    ):
        integration(grafana.url).create_all()
    with pytest.raises(ConfigError):
        integration("ftp://grafana").create_all()


def test_the_command(
    grafana: Grafana,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`algovigil grafana provision` does all of it, and says so to machines."""
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)
    words = ["grafana", "provision", "--grafana", grafana.url]
    words += ["--clickhouse", "http://processor:8123", "--json"]
    assert 0 == main(words)
    said = json.loads(capsys.readouterr().out)
    assert {"Algovigil": "algovigil-clickhouse"} == said["sources"]
    assert len(grafana.dashboards) == len(said["dashboards"])
    monkeypatch.delenv("GRAFANA_API_KEY")
    assert 1 == main(words)
    assert "set GRAFANA_API_KEY" in capsys.readouterr().err
