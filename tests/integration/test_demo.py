"""The demo's story is true, and its own searches can fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from algovigil_processor.commands.demo import KEYS


@pytest.mark.timeout(240)
def test_the_story_is_told_once_and_every_step_happened() -> None:
    """Exit code 0, no canary leaked, all found by the control, all else above 0."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "algovigil"), "demo", "--once", "--json"],
        capture_output=True,
        text=True,
        timeout=220,
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert tuple(counts) == KEYS
    assert counts.pop("canaries_leaked") == 0
    assert all(value > 0 for value in counts.values()), counts
    assert counts["accuracy_after"] < 0.85 < counts["accuracy_before"]
    assert counts["control_found"] >= 5 * 5  # carriers x fields of an identity
