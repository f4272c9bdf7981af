"""The dashboards' files: what the code makes, in the form that Grafana takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from algovigil_dashboards import NAMES, load
from algovigil_dashboards.__main__ import FOLDER, files, main
from algovigil_dashboards.dashboard import SCHEMA_VERSION
from algovigil_dashboards.panels import WIDTH


def test_the_committed_files_are_what_the_code_makes() -> None:
    """Byte for byte, and none is left over."""
    assert 0 == main(["--check"])
    assert {f"{name}.json" for name in NAMES} == {f.name for f in FOLDER.iterdir()}


def test_a_stale_file_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """The check names the file and the command that mends it."""
    for name, text in files().items():
        (tmp_path / name).write_text(text)
    (tmp_path / "alerts.json").write_text("{}")
    monkeypatch.setattr("algovigil_dashboards.__main__.FOLDER", tmp_path)
    assert 1 == main(["--check"])
    assert "alerts.json: not what the code makes; run `make dashboards`" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_form_is_that_of_classic_dashboards(name: str) -> None:
    """Schema, stable ids, a portable data source, no key of the newer model."""
    dashboard = load(name)
    assert (SCHEMA_VERSION, f"algovigil-{name}") == (
        dashboard["schemaVersion"],
        dashboard["uid"],
    )
    assert len(dashboard["uid"]) <= 40
    assert not {"spec", "elements", "layout", "apiVersion"} & set(dashboard)
    panels = dashboard["panels"]
    ids = [panel["id"] for panel in panels]
    assert sorted(set(ids)) == ids
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles)
    for panel in panels:
        if panel["type"] == "row":
            continue
        assert "insufficient data" == panel["fieldConfig"]["defaults"]["noValue"]
    assert [] == elsewhere(dashboard)


def elsewhere(dashboard: dict[str, Any]) -> list[str]:
    """Return the titles of panels whose data source is not the one chosen."""
    return [
        panel["title"]
        for panel in dashboard["panels"]
        if panel["type"] != "row"
        and {panel["datasource"]["uid"]}
        | {target["datasource"]["uid"] for target in panel["targets"]}
        != {"${datasource}"}
    ]


def test_a_wrong_data_source_is_told_with_the_panel() -> None:
    """The check above can fail: of the panel, and of one query in it."""
    dashboard = load("medical-ai")
    panels = [p for p in dashboard["panels"] if p["type"] != "row"]
    panels[0]["datasource"]["uid"] = "P1809F7CD0C75ACF3"
    panels[3]["targets"][0]["datasource"]["uid"] = "clickhouse"
    assert [panels[0]["title"], panels[3]["title"]] == elsewhere(dashboard)


@pytest.mark.parametrize("name", NAMES)
def test_panels_do_not_overlap(name: str) -> None:
    """Each cell of the grid belongs to one panel, and none lies outside."""
    taken: dict[tuple[int, int], str] = {}
    for panel in load(name)["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] <= place["x"] + place["w"] <= WIDTH, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, (panel["title"], taken.get((x, y)))
                taken[x, y] = panel["title"]


def test_uids_and_titles_are_unique() -> None:
    """Grafana refuses a folder with two dashboards of one title."""
    loaded = [load(name) for name in NAMES]
    assert len({each["uid"] for each in loaded}) == len(NAMES)
    assert len({each["title"] for each in loaded}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_variable_enters_sql_unquoted(name: str) -> None:
    """A value of a variable is escaped wherever it stands."""
    text = json.dumps(load(name))
    for variable in load(name)["templating"]["list"]:
        if variable["type"] == "query" and variable["datasource"]["type"] != (
            "prometheus"
        ):
            bare = f"${{{variable['name']}}}"
            assert bare not in text
            assert f"${{{variable['name']}:singlequote}}" in text
