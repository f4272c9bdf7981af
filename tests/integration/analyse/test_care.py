"""Treatments and adverse events from stored outcomes to figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.analyse.clinic import NOON, SECOND

if TYPE_CHECKING:
    from integration.analyse.clinic import Clinic

LATER = {"timestamp": NOON - 60 * SECOND, "received": NOON - 30 * SECOND}
DAY = 86_400 * SECOND


def figures(clinic: Clinic) -> dict[tuple[str, str], dict[str, object]]:
    rows = clinic.rows("SELECT * FROM clinical_metrics WHERE model_name = 'm'")
    return {(row["metric"], row["subgroup_value"]): row for row in rows}


def test_treatments_are_compared_as_association(clinic: Clinic) -> None:
    """Streptomycin in tuberculosis (MRC, BMJ 1948): 51 of 55 against 38 of 52 alive."""
    clinic.predict("m", [NOON - 3600 * SECOND] * 5, label="1")
    arms = ["streptomycin"] * 55 + ["bed rest"] * 52
    alive = ["alive"] * 51 + ["died"] * 4 + ["alive"] * 38 + ["died"] * 14
    clinic.outcome(
        [""] * 107,
        outcome_type="treatment",
        model_name="m",
        model_version="1",
        treatment=arms,
        treatment_outcome=alive,
        followup_days=[180.0] * 107,
        event_observed=[a == "died" for a in alive],
        **LATER,
    )
    clinic.analysis().tick(NOON)
    found = figures(clinic)
    whole = found["treatment_effectiveness", ""]
    assert (89, 107, "association") == (
        whole["numerator"],
        whole["denominator"],
        whole["caveat"],
    )
    gap = found["treatment_risk_difference", "streptomycin"]
    assert 51 / 55 - 38 / 52 == pytest.approx(gap["value"])
    assert 0.05 < gap["lower"] < gap["upper"] < 0.35  # type: ignore[operator] # numbers
    needed = found["treatment_number_needed", "streptomycin"]
    assert 1 / (51 / 55 - 38 / 52) == pytest.approx(needed["value"])
    assert found["treatment_log_rank", ""]["p_adjusted"] < 0.05  # type: ignore[operator]
    assert "association" == needed["caveat"]


def test_adverse_events_have_exact_rates_a_chart_and_a_clock(clinic: Clinic) -> None:
    """Twelve events in 3000 predictions after 3 in 6000: named; one report is late."""
    before = [NOON - 2 * DAY + i * SECOND for i in range(6000)]
    inside = [NOON - 40_000 * SECOND + i * 10 * SECOND for i in range(3000)]
    clinic.predict("m", before + inside, label="1")
    rare = [NOON - 2 * DAY + i * 1000 * SECOND for i in (1, 2, 3)]
    often = [NOON - 35_000 * SECOND + i * 2000 * SECOND for i in range(12)]
    old = {"received": NOON - 20 * DAY}
    common = {"outcome_type": "adverse_event", "model_name": "m", "model_version": "1"}
    clinic.outcome(["fall"] * 3, timestamp=rare, severity="minor", **common, **old)
    clinic.outcome(
        ["bleeding"] * 12,
        timestamp=often,
        received=NOON - 16 * DAY,
        severity=["serious"] + ["minor"] * 11,
        reported=[False] + [None] * 11,
        **common,
    )
    clinic.analysis(clinical={"window": 86_400}).tick(NOON)
    found = figures(clinic)
    rate = found["adverse_event_rate", ""]
    assert (12, 3000, 4.0) == (rate["numerator"], rate["denominator"], rate["value"])
    assert [2.067, 6.987] == pytest.approx([rate["lower"], rate["upper"]], abs=0.001)
    assert 1 == found["adverse_event_rate", "serious"]["numerator"]
    late = found["adverse_events_overdue", ""]
    assert (1.0, "warning") == (late["value"], late["status"])
    chart = found["adverse_event_cusum", ""]
    assert "warning" == chart["status"]
    assert chart["value"] > chart["reference_value"]  # type: ignore[operator]
    assert 12.0 == found["adverse_event_count", ""]["value"]
