"""The table of rules and the tests of this folder are the same list."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.rules import RULES


def test_every_rule_has_a_test() -> None:
    """A rule that nobody proves is not claimed."""
    proven = {
        name
        for file in Path(__file__).parent.glob("test_*.py")
        for marks in re.findall(r"^@rule\(([^)]*)\)", file.read_text("utf-8"), re.M)
        for name in re.findall(r'"([^"]+)"', marks)
    }
    assert set(RULES) == proven
