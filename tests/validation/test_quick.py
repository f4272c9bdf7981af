"""A seeded part of the validation pack, in every run of the tests."""

from __future__ import annotations

import pytest
from tests.validation import drift_null, drift_power


@pytest.mark.parametrize("part", [drift_null, drift_power], ids=["null", "power"])
def test_every_claim_holds(part: object) -> None:
    """Each line is within simulation error of what is promised."""
    claims = part.run(0.04)  # type: ignore[attr-defined] # a part of the pack
    assert [] == [claim for claim in claims if not claim.holds]
    assert len(claims) > 5
