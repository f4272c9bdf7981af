"""`algovigil alerts ...` against an API that listens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from algovigil.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def run(api: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a verb; return what it prints."""

    def one(*words: str, code: int = 0) -> str:
        assert code == main(["alerts", *words, "--api", api])
        printed = capsys.readouterr()
        return printed.out if code == 0 else printed.err

    return one


def test_an_alert_by_command(run: Callable[..., str]) -> None:
    """Listed, taken on, given back, ended, and kept as history."""
    (alert,) = json.loads(run("list", "--json"))
    incident = alert["incident_id"]
    assert "firing" in run("list")
    assert "acknowledged by anna" in run("ack", incident, "--by", "anna")
    assert "acknowledged" in run("list")
    assert "anna until" in run("list")
    assert "given back" in run("ack", incident, "--by", "anna", "--undo")
    assert "resolved by hand" in run("resolve", incident, "--by", "anna")
    assert "manual" in run("history")
    assert "no incident" in run("ack", incident, code=2)
    assert "nothing is pending" in run("list")


def test_silences_by_command(run: Callable[..., str]) -> None:
    """Made, listed, and ended."""
    words = ("--minutes", "5", "--by", "anna", "--comment", "retraining")
    made = json.loads(run("silence", 'model="wdbc"', *words, "--json"))
    assert "mutes 1" in run("silence")
    assert "muted by silence" in run("list")
    assert "ended" in run("silence", "--end", made["silence_id"])
    assert "nothing is silenced" in run("silence")
    assert "for how long" in run("silence", 'model="wdbc"', code=2)
    assert "could not" not in run("silence", "model", *words, code=2)
