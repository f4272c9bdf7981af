"""Every query of every dashboard, on what the demo leaves, through the SQL port."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import pytest
import yaml

import algovigil_dashboards
from algovigil_dashboards import load
from integration.dashboards.macros import CLICKHOUSE, Range, expand, opened
from integration.processor.served import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client
    from conftest import Demo

EMPTY_IN_THE_DEMO: Final = {
    # no GPU, one site, no treatments and no harm in the demo
    ("system-performance", "GPU utilisation"),
    ("system-performance", "GPU memory"),
    ("system-performance", "GPU power"),
    ("system-performance", "GPU errors"),
    ("clinical-outcomes", "Effectiveness by treatment (an association, not an effect)"),
    ("clinical-outcomes", "Adverse events by severity"),
    ("privacy-pipeline", "Inserts tried again"),
    # no service level is set, and at its end nothing fires any more
    ("system-performance", "Error budget that is left"),
    ("alerts", "Now pending or firing"),
}


@dataclass(frozen=True)
class Asked:
    """One query: where it stands, its text, and whether it is a time series."""

    dashboard: str
    panel: str
    sql: str
    is_series: bool


def asked() -> list[Asked]:
    """Return the queries of panels, variables and annotations."""
    found = []
    for name in CLICKHOUSE:
        dashboard = load(name)
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                is_series = target["format"] == 0
                found.append(Asked(name, panel["title"], target["rawSql"], is_series))
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                sql = variable["query"]["rawSql"]
                found.append(Asked(name, f"variable {variable['name']}", sql, False))
        for each in dashboard["annotations"]["list"]:
            sql = each["target"]["rawSql"]
            found.append(Asked(name, f"annotation {each['name']}", sql, False))
    return found


@pytest.fixture(scope="module")
def client(demo: Demo) -> Iterator[Client]:
    """A client of a processor over the demo's data."""
    assert 0 == demo.code, demo.error
    with Served(demo.folder / "main" / "data") as served:
        host, _, port = served.addresses["sql"].rpartition(":")
        client = clickhouse_connect.get_client(
            host=host, port=int(port), database="otel"
        )
        yield client
        client.close()


@pytest.fixture(scope="module")
def when(client: Client) -> Range:
    """The time of the demo, in points of five seconds."""
    sql = (
        "SELECT toUnixTimestamp(min(bucket)), toUnixTimestamp(now()) "
        "FROM inference_rollup"
    )
    start, end = client.query(sql).first_row
    return Range(int(start) - 60, int(end) + 60, 5)


def variables(client: Client, when: Range, dashboard: str) -> dict[str, list[str]]:
    """Return every variable of *dashboard* as it opens."""
    return opened(load(dashboard), when, lambda sql: client.query(sql).result_rows)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("query", asked(), ids=lambda q: f"{q.dashboard}/{q.panel}")
def test_the_query_runs_and_says_something(
    client: Client, when: Range, query: Asked
) -> None:
    """No error; ascending time, then numbers; not empty where it should be."""
    sql = expand(query.sql, when, variables(client, when, query.dashboard))
    result = client.query(sql)
    rows, names = result.result_rows, result.column_names
    if query.is_series and rows:  # an empty answer of the driver names no columns
        assert "time" == names[0]
        times = [row[0] for row in rows]
        assert all(isinstance(time, datetime.datetime) for time in times)
        assert sorted(times) == times
        numbers = [i for i, name in enumerate(names) if name not in ("time", "name")]
        assert numbers
        is_status = query.panel == "Verdict by feature"
        for row in rows:
            for i in numbers:
                assert isinstance(row[i], str if is_status else (int, float)), names[i]
    if (query.dashboard, query.panel) not in EMPTY_IN_THE_DEMO:
        assert rows, "empty, though the demo should fill it"


def test_rules_keep_their_names(client: Client) -> None:
    """Redaction takes no rule of the settings for a person."""
    found = client.query("SELECT name FROM alert_changes WHERE kind = 'rule'")
    names = {row[0] for row in found.result_rows}
    assert {"Accuracy below 0.85", "Features drifted"} == names


def rules() -> list[tuple[str, str]]:
    """Return title and query of each provisioned alert rule."""
    file = Path(algovigil_dashboards.__file__).parent / "provisioning/alerting"
    groups = yaml.safe_load((file / "watchdog.yaml").read_text("utf-8"))["groups"]
    return [
        (rule["title"], rule["data"][0]["model"]["rawSql"])
        for group in groups
        for rule in group["rules"]
    ]


@pytest.mark.parametrize(("title", "sql"), rules())
def test_an_alert_rule_gives_one_number(
    client: Client, when: Range, title: str, sql: str
) -> None:
    """One row, one numeric column, as a threshold takes it."""
    ((value,),) = client.query(expand(sql, when)).result_rows
    assert isinstance(value, int), title


@pytest.mark.parametrize("dashboard", CLICKHOUSE)
def test_one_choice_narrows(client: Client, when: Range, dashboard: str) -> None:
    """A model that is not there leaves nothing of what names models."""
    chosen = {**variables(client, when, dashboard), "model": ["it's not \\ there"]}
    for query in asked():
        if query.dashboard == dashboard and "${model:singlequote}" in query.sql:
            found = client.query(expand(query.sql, when, chosen)).result_rows
            values: list[Any] = [v for row in found for v in row]
            assert not any(values), (query.panel, found)


def test_a_wrong_column_is_told_with_the_panel(client: Client, when: Range) -> None:
    """The check above can fail, and its name is the panel's."""
    good = asked()[0]
    with pytest.raises(Exception, match="UNKNOWN_IDENTIFIER"):
        client.query(
            expand(
                good.sql.replace("predictions", "predictionz"),
                when,
                variables(client, when, good.dashboard),
            )
        )
