"""README is true: its commands run as they stand, but for the ports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.processor.served import KEY, Served

if TYPE_CHECKING:
    from collections.abc import Iterator

# the snippets use curl
pytestmark = pytest.mark.debian

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(
    r"<!-- test: (?P<name>[\w-]+)(?P<notes>[^>]*) -->\n```(?P<kind>\w+)\n"
    r"(?P<text>.*?)\n```",
    re.DOTALL,
)
BLOCKS = {
    m["name"] + m["notes"].rstrip(): m["text"]
    for m in BLOCK.finditer(README.read_text("utf-8"))
}
DEFAULTS = {"grpc": "4317", "http": "4318", "sql": "8123", "api": "8080"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("readme") / "data") as processor:
        yield processor


def run(command: str, folder: Path, served: Served) -> str:
    """Run shell text of the README with this processor's ports; return its output."""
    for name, port in DEFAULTS.items():
        command = command.replace(f"127.0.0.1:{port}", served.addresses[name])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{served.addresses['grpc']}",
            "ALGOVIGIL_PHI_KEY": KEY,
            "HOME": str(folder),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_block_of_commands_is_tested() -> None:
    """A snippet without a test is a promise that nobody keeps."""
    text = README.read_text("utf-8")
    plain = {"make demo", "make test"}
    blocks = re.findall(r"```(?:sh|python)\n(.*?)\n```", text, re.DOTALL)
    assert {b for b in blocks if b not in plain} == set(BLOCKS.values())


def test_run_it(tmp_path: Path, served: Served) -> None:
    """The key that the README makes is one that the processor takes."""
    install, export, start = BLOCKS["serve"].splitlines()
    assert "algovigil[processor,embedded]" in install
    key = run(f"{export}; echo -n $ALGOVIGIL_PHI_KEY", tmp_path, served)
    assert start == "algovigil serve"
    with Served(tmp_path / "data", ALGOVIGIL_PHI_KEY=key) as other:
        assert other.query("SELECT 1") == 1


def test_zero_code(tmp_path: Path, served: Served) -> None:
    """One call of three rows is one span and three inferences."""
    (tmp_path / "score.py").write_text(BLOCKS["zero-code file=score.py"])
    run(BLOCKS["zero-code run"], tmp_path, served)
    model = "Pipeline[LogisticRegression]"
    served.wait_for(f"SELECT count() FROM inferences WHERE model_name = '{model}'", 3)
    served.wait_for(
        f"SELECT count() FROM otel_traces WHERE SpanName = 'predict {model}'", 1
    )


def test_decorators(tmp_path: Path, served: Served) -> None:
    """The decorator and the context manager each record one call."""
    (tmp_path / "decorated.py").write_text(BLOCKS["decorator"])
    run("opentelemetry-instrument python decorated.py", tmp_path, served)
    served.wait_for(
        "SELECT count() FROM inferences WHERE model_name = 'sepsis-risk' "
        "AND model_version = '2.1' AND features['lactate'] = 3.1 AND score > 0.7",
        2,
    )


def test_otlp_and_its_outcome(tmp_path: Path, served: Served) -> None:
    """A call by curl, and its outcome by trace id."""
    assert run(BLOCKS["curl"], tmp_path, served).strip() == "{}"
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    served.wait_for(
        f"SELECT count() FROM inferences WHERE trace_id = '{trace}' AND score = 0.93", 1
    )
    (tmp_path / "outcome.py").write_text(
        BLOCKS["outcome"].replace(
            "MonitoringConfig()",
            "MonitoringConfig.of({'processor': {'endpoint': "
            f"'http://{served.addresses['grpc']}'}}}})",
        )
    )
    run("python outcome.py", tmp_path, served)
    served.wait_for(
        f"SELECT any(actual_value) FROM outcomes WHERE trace_id = '{trace}'", "high"
    )


def test_sql(tmp_path: Path, served: Served) -> None:
    """curl and `algovigil query` read what was stored."""
    command = BLOCKS["sql"].replace(
        "algovigil query", "algovigil query --api http://127.0.0.1:8080"
    )
    assert "sepsis-risk" in run(command, tmp_path, served)
