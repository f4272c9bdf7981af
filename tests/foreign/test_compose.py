"""The compose file by a reader of the compose specification that is not ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import PYTHON

pytestmark = pytest.mark.foreign
FILE = Path(__file__).resolve().parents[2] / "docker-compose.otel.yml"
READ = """
import sys
import compose_spec
options = compose_spec.PyOptions()
options.apply_merge = True
found = options.from_yaml(sys.stdin.read())
found.validate()
print(*sorted(found.service_names()))
"""


def read(text: str) -> tuple[int, str]:
    """Return the exit code, and the names of the services or the complaint."""
    done = subprocess.run(
        [str(PYTHON), "-c", READ],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def test_the_file_is_a_compose_file() -> None:
    """Every key is one of the specification, every service is there."""
    names = "clickhouse gateway grafana processor prometheus sample-app"
    assert (0, names) == read(FILE.read_text("utf-8"))


def test_a_wrong_key_is_told() -> None:
    """The check can fail."""
    text = FILE.read_text("utf-8")
    code, said = read(
        text.replace("    image: prom/", "    portz: []\n    image: prom/")
    )
    assert (1, True) == (code, "portz" in said)
