"""The three first dashboards as pictures, made of the very answers of their panels."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import clickhouse_connect
import pytest

from algovigil_dashboards import load
from integration.dashboards.macros import Range, expand, opened
from integration.dashboards.render import page
from integration.processor.served import Served

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client
    from conftest import Demo

    from integration.dashboards.render import Result

pytestmark = [pytest.mark.debian, pytest.mark.timeout(300)]
CHROMIUM = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--hide-scrollbars", "--window-size=1430,1800"),
)


def results(client: Client, name: str, when: Range) -> dict[int, list[Result]]:
    """Return what the queries of each panel answer."""
    dashboard = load(name)
    chosen = opened(dashboard, when, lambda sql: client.query(sql).result_rows)
    found: dict[int, list[Result]] = {}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            answer = client.query(expand(target["rawSql"], when, chosen))
            rows = [tuple(row) for row in answer.result_rows]
            found.setdefault(panel["id"], []).append((answer.column_names, rows))
    return found


def test_a_clinician_sees_that_it_fails_for_whom_and_since_when(
    demo: Demo, tmp_path: Path
) -> None:
    """Chromium draws each page; drift, the fall and the subgroups are on them."""
    assert 0 == demo.code, demo.error
    with Served(demo.folder / "main" / "data") as served:
        host, _, port = served.addresses["sql"].rpartition(":")
        client = clickhouse_connect.get_client(
            host=host, port=int(port), database="otel"
        )
        span = client.query(
            "SELECT toUnixTimestamp(min(bucket)), toUnixTimestamp(max(bucket)) "
            "FROM inference_rollup"
        ).first_row
        when = Range(int(span[0]) - 30, int(span[1]) + 60, 5)
        pages = {}
        for name in ("medical-ai", "clinical-outcomes", "system-performance"):
            pages[name] = page(load(name), results(client, name, when))
        client.close()
    for name, text in pages.items():
        (tmp_path / f"{name}.html").write_text(text, "utf-8")
        picture = tmp_path / f"{name}.png"
        subprocess.run(
            [
                *CHROMIUM,
                f"--user-data-dir={tmp_path / 'profile'}",
                f"--screenshot={picture}",
                (tmp_path / f"{name}.html").as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=90,
        )
        assert picture.stat().st_size > 50_000, name
    assert "mean texture" in pages["medical-ai"]
    assert "#c4162a" in pages["medical-ai"]
    assert "north" in pages["clinical-outcomes"]
    assert "south" in pages["clinical-outcomes"]
    assert "insufficient data" in pages["system-performance"]  # no GPU here
