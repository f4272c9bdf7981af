"""`algovigil report` on what the demo leaves: as text, as JSON, and as one page."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration.processor.served import BINARY, Served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Demo

MODEL = "Pipeline[LogisticRegression]"


@pytest.fixture(scope="module")
def report(demo: Demo) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run the command on the demo's data."""
    assert 0 == demo.code, demo.error
    with Served(demo.folder / "main" / "data") as served:

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [
                    BINARY,
                    "report",
                    *words,
                    "--api",
                    f"http://{served.addresses['api']}",
                ],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )

        yield run


@pytest.mark.timeout(240)
def test_json_has_figures_with_their_intervals(
    report: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Value, interval and number of cases of each, by subgroup as well."""
    done = report(MODEL, "--since", "12h", "--json")
    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    figures = {f["metric"]: f for f in found["figures"] if not f["subgroup_key"]}
    accuracy = figures["diagnostic_accuracy"]
    assert accuracy["lower"] < accuracy["value"] < accuracy["upper"]
    assert accuracy["n"] >= 50
    groups = {f["subgroup_value"] for f in found["figures"]}
    assert {"north", "south"} <= groups


def test_the_page_is_whole_and_names_nothing_elsewhere(
    report: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Charts are inside it: nothing is fetched when it is opened, in six years too."""
    file = tmp_path / "report.html"
    done = report(MODEL, "--since", "12h", "--html", str(file))
    assert (0, str(file)) == (done.returncode, done.stdout.strip()), done.stderr
    page = file.read_text("utf-8")
    for heading in ("Performance", "Subgroups", "Drift"):
        assert f">{heading}<" in page
    assert page.count("<svg") >= 5
    assert "site: north" in page
    assert "mean texture" in page
    assert [] == re.findall(r"<script|<link|(?:src|href)=[\"']?http|url\(http", page)


def test_the_text_says_what_drifted(
    report: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """For who reads it in a terminal."""
    done = report(MODEL, "--since", "12h")
    assert 0 == done.returncode, done.stderr
    assert "sensitivity" in done.stdout
    assert "accuracy estimated without labels" in done.stdout
    assert "drift:" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody's <b>model</b>"], "no prediction of"),
        ([MODEL, "--since", "yesterday"], "yesterday"),
        ([MODEL, "--html", "/nowhere/at/all.html"], "/nowhere/at/all.html"),
    ],
)
def test_what_cannot_be_reported_is_told(
    report: Callable[..., subprocess.CompletedProcess[str]],
    words: list[str],
    said: str,
) -> None:
    """An exit code above 0, and why; no trace."""
    done = report(*words)
    assert done.returncode > 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
