"""A seeded part of the validation pack, in every run of the tests."""

from __future__ import annotations

import pytest
from tests.validation import clinical, drift_null, drift_power


@pytest.mark.parametrize(
    "part", [drift_null, drift_power, clinical], ids=["null", "power", "clinical"]
)
def test_every_claim_holds(part: object) -> None:
    """Each line is within simulation error of what is promised."""
    found = list(part.checks(0.03))  # type: ignore[attr-defined] # a part of the pack
    assert [] == [check.subject for check in found if not check.holds]
    assert len(found) > 5
