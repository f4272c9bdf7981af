from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from integration.sdk.collector import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
from sklearn.tree import DecisionTreeClassifier
DecisionTreeClassifier().fit([[0.0], [1.0]], ["a", "b"]).predict([[0.4]])
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.stop()


def doctor(*words: str, endpoint: str, **extra: str) -> tuple[int, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "algovigil.cli", "doctor", "--json", *words],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **extra},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_a_program_that_would_be_recorded(collector: Collector) -> None:
    """The methods that are watched in it, the calls it made, and an exporter tried."""
    words = ("--", sys.executable, "-c", PROGRAM)
    code, found = doctor(*words, endpoint=collector.endpoint)
    assert (0, True, []) == (code, found["recorded"], found["problems"])
    sklearn = found["frameworks"]["sklearn"]
    assert "watched" == sklearn["state"]
    assert "sklearn.tree._classes.BaseDecisionTree.predict" in sklearn["methods"]
    assert (0, 1) == (found["program"]["ended"], found["program"]["calls"])
    assert found["exporter"]["reachable"]
    assert "not imported by the program" == found["frameworks"]["torch"]["state"]


def test_every_framework_is_tried_without_a_program(collector: Collector) -> None:
    """What is installed is imported, and watched."""
    code, found = doctor(endpoint=collector.endpoint)
    assert (0, []) == (code, found["problems"])
    states = {name: each["state"] for name, each in found["frameworks"].items()}
    assert {"watched"} == set(states.values()), states


@pytest.mark.parametrize(
    ("extra", "program", "said"),
    [
        ({}, "print(1)", "no method is watched"),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, PROGRAM, "no method"),
        ({"OTEL_TRACES_EXPORTER": "none"}, PROGRAM, "OTEL_TRACES_EXPORTER is none"),
        ({"OTEL_SDK_DISABLED": "true"}, PROGRAM, "OTEL_SDK_DISABLED is true"),
        ({"ALGOVIGIL_CAPTURE_MAX_ROWS": "many"}, PROGRAM, "MAX_ROWS"),
    ],
)
def test_a_program_that_would_not(
    collector: Collector, extra: dict[str, str], program: str, said: str
) -> None:
    """Exit code 1, and the reason in words."""
    words = ("--", sys.executable, "-c", program)
    code, found = doctor(*words, endpoint=collector.endpoint, **extra)
    assert 1 == code
    assert said in " ".join(found["problems"])


def test_nothing_listens() -> None:
    """A processor that is not there is a reason."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
        code, found = doctor("--", sys.executable, "-c", PROGRAM, endpoint=endpoint)
    assert 1 == code
    assert not found["exporter"]["reachable"]
    assert "is the processor running" in " ".join(found["problems"])
