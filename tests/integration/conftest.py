"""One run of the demo for all tests that look at what it leaves."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Demo:
    """How the demo ended, and the folder that it kept."""

    code: int
    output: str
    error: str
    folder: Path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """`algovigil demo --once --json`, its files kept."""
    folder = tmp_path_factory.mktemp("demo")
    program = str(Path(sys.executable).parent / "algovigil")
    done = subprocess.run(
        [program, "demo", "--once", "--json", "--keep", str(folder)],
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    return Demo(done.returncode, done.stdout, done.stderr, folder)
