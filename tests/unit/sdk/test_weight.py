from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import tomllib


def test_the_sdk_imports_nothing_heavy() -> None:
    """A model server that uses the SDK pays for OpenTelemetry and nothing else."""
    code = (
        "import sys, algovigil\n"
        "from algovigil import ClinicalOutcomeTracker, monitor, track_inference\n"
        "import algovigil.distro, algovigil.instrumentation.sklearn\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'scipy', 'sklearn', 'grpc', 'joblib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "[]" == run.stdout.strip()


def test_there_is_no_extra_named_instruments() -> None:
    """It would switch all our instrumentors off where one framework is absent."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    assert not {"instruments", "instruments-any"} & set(extras)


def test_entry_points_load() -> None:
    """What OpenTelemetry looks for is there under our name."""
    for group in ("distro", "configurator", "environment_variables"):
        (found,) = entry_points(group=f"opentelemetry_{group}", name="algovigil")
        assert found.load() is not None
