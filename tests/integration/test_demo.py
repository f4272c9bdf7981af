"""The demo's story is true, and its own searches can fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from algovigil_processor.commands.demo import KEYS

if TYPE_CHECKING:
    from conftest import Demo


@pytest.mark.timeout(240)
def test_the_story_is_told_once_and_every_step_happened(demo: Demo) -> None:
    """Exit code 0, no canary leaked, all found by the control, all else above 0."""
    assert demo.code == 0, demo.error
    counts = json.loads(demo.output.splitlines()[-1])
    assert tuple(counts) == KEYS
    assert counts.pop("canaries_leaked") == 0
    assert all(value > 0 for value in counts.values()), counts
    assert counts["accuracy_after"] < 0.85 < counts["accuracy_before"]
    assert counts["control_found"] >= 5 * 5  # carriers x fields of an identity
