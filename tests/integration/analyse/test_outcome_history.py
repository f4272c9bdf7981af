"""Outcomes as they come: late, corrected, taken back, contradictory, unmatched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from algovigil.config import MonitoringConfig
from algovigil_processor.analyse.clinical.clinical import Clinical
from algovigil_processor.analyse.clinical.cohort import Window, cohort, sizes
from algovigil_processor.analyse.findings import Version
from integration.analyse.clinic import NOON, SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integration.analyse.clinic import Clinic

TIMES = [NOON - 3600 * SECOND + i * SECOND for i in range(100)]
IDS = [f"m-{time}-{i}" for i, time in enumerate(TIMES)]
SICK = ["1"] * 50 + ["0"] * 50


def at(minutes: float) -> dict[str, int]:
    """Found and received that many minutes before noon."""
    then = NOON - int(minutes * 60) * SECOND
    return {"timestamp": then - SECOND, "received": then}


def known(clinic: Clinic, as_of_ns: int) -> tuple[float, int]:
    """Count accuracy and labels again, as known at some time."""
    config = MonitoringConfig().clinical
    window = Window(NOON - 86_400 * SECOND, NOON, as_of_ns)
    size = sizes(clinic.store, window, config)["m", "1"]
    drawn = cohort(clinic.store, Version("m", "1"), window, config, size, 100)
    return float((drawn.predicted == drawn.actual).mean()), len(drawn)


def test_what_was_known_at_any_time_can_be_counted_again(clinic: Clinic) -> None:
    """A correction never changes what an earlier date says."""
    clinic.predict("m", TIMES, label="1")
    analysis = clinic.analysis(clinical={"window": 86_400, "interval": 1})
    ids = [f"o{i}" for i in range(100)]
    clinic.outcome(SICK[:60], inference_id=IDS[:60], outcome_id=ids[:60], **at(40))
    analysis.tick(NOON - 35 * 60 * SECOND)
    clinic.outcome(["0"] * 20, inference_id=IDS[:20], outcome_id=ids[:20], **at(20))
    analysis.tick(NOON - 15 * 60 * SECOND)
    clinic.outcome(SICK[60:], inference_id=IDS[60:], outcome_id=ids[60:], **at(5))
    analysis.tick(NOON)
    assert (0.3, 100) == known(clinic, NOON)
    assert (30 / 60, 60) == known(clinic, NOON - 15 * 60 * SECOND)
    assert (50 / 60, 60) == known(clinic, NOON - 35 * 60 * SECOND)
    history = clinic.rows(
        "SELECT numerator, labelled, completeness FROM clinical_metrics "
        "WHERE metric = 'diagnostic_accuracy' AND subgroup_key = '' ORDER BY timestamp"
    )
    assert [(50, 60, 0.6), (30, 60, 0.6), (30, 100, 1)] == [
        tuple(row.values()) for row in history
    ]
    assert [120] == [r["n"] for r in clinic.rows("SELECT count() AS n FROM outcomes")]


def test_a_label_can_be_taken_back(clinic: Clinic) -> None:
    """A correction to nothing leaves the prediction without a label."""
    clinic.predict("m", TIMES, label="1")
    ids = [f"o{i}" for i in range(100)]
    clinic.outcome(SICK, inference_id=IDS, outcome_id=ids, **at(30))
    clinic.outcome([""] * 40, inference_id=IDS[:40], outcome_id=ids[:40], **at(10))
    clinic.analysis().tick(NOON)
    assert 60 == clinic.metrics("clinical_metrics", "m")["ppv"]["labelled"]


def test_labels_that_contradict_each_other_are_stated(clinic: Clinic) -> None:
    """Two reporters disagree on 20 patients: counted, warned of, the latest used."""
    clinic.predict("m", TIMES, label="1")
    clinic.outcome(SICK, inference_id=IDS, **at(30))
    clinic.outcome(["0"] * 30, inference_id=IDS[30:60], **at(20))
    clinic.analysis().tick(NOON)
    found = clinic.metrics("clinical_metrics", "m")
    bad = found["label_contradictions"]
    assert (20, 100, "warning") == (bad["numerator"], bad["denominator"], bad["status"])
    accuracy = found["diagnostic_accuracy"]
    assert (30, "contradictory") == (accuracy["numerator"], accuracy["caveat"])


def test_an_outcome_may_come_before_its_prediction_is_stored(clinic: Clinic) -> None:
    """What fits nothing is counted as such and tried again."""
    clinic.predict("other", TIMES, label="1")
    clinic.outcome(SICK, inference_id=IDS, model_name="m", **at(30))
    analysis = clinic.analysis(clinical={"interval": 1})
    analysis.tick(NOON)
    lost = clinic.rows(
        "SELECT model_name, numerator, status FROM clinical_metrics "
        "WHERE metric = 'outcomes_unmatched'"
    )
    assert [("m", 100, "warning")] == [tuple(row.values()) for row in lost]
    clinic.predict("m", TIMES, label="1")
    analysis.tick(NOON + 2 * SECOND)
    assert 100 == clinic.metrics("clinical_metrics", "m")["ppv"]["labelled"]


def test_clocks_that_disagree_by_minutes_do_not_part_patient_and_label(
    clinic: Clinic,
) -> None:
    """A lab whose clock is 4 minutes slow; one that is an hour fast is not believed."""
    clinic.predict("m", TIMES, label="1", patient_id=IDS)
    slow = [time - 240 * SECOND for time in TIMES[:50]]
    fast = [NOON + 3600 * SECOND] * 50
    clinic.outcome(
        SICK,
        patient_id=IDS,
        model_name="m",
        timestamp=slow + fast,
        received=NOON - 60 * SECOND,
    )
    clinic.analysis().tick(NOON)
    assert 50 == clinic.metrics("clinical_metrics", "m")["ppv"]["labelled"]
    lost = clinic.rows(
        "SELECT numerator FROM clinical_metrics WHERE metric = 'outcomes_unmatched'"
    )
    assert [50] == [row["numerator"] for row in lost]


def test_a_cohort_counts_once_its_labels_had_time(clinic: Clinic) -> None:
    """With a maturity of an hour, the last hour's predictions wait."""
    late = [NOON - 600 * SECOND + i * SECOND for i in range(100)]
    early = [time - 3600 * SECOND for time in late]
    clinic.predict("m", early, label="1")
    clinic.predict("m", late, label="0", inference_id=[f"late-{i}" for i in range(100)])
    ids = [f"m-{time}-{i}" for i, time in enumerate(early)]
    clinic.outcome(SICK, inference_id=ids, **at(1))
    clinic.analysis(clinical={"maturity": 3600, "window": 3600}).tick(NOON)
    found = clinic.metrics("clinical_metrics", "m")["diagnostic_accuracy"]
    assert (100, 100, 50) == (
        found["inferences"],
        found["labelled"],
        found["numerator"],
    )


class Watched:
    """A store that notes which statements it is asked."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.asked: list[str] = []

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Any:
        self.asked.append(sql)
        return self._store.query(sql, parameters)


def test_a_tick_in_which_nothing_came_reads_no_row(clinic: Clinic) -> None:
    """The last answer is given again, with the new time, after one count of rows."""
    clinic.predict("m", TIMES, label="1")
    clinic.outcome(SICK, inference_id=IDS, **at(30))
    clinic.analysis().tick(NOON)
    watched = Watched(clinic.store)
    part = Clinical(watched, MonitoringConfig().clinical)  # type: ignore[arg-type] # it only queries
    first = part(NOON)
    before = len(watched.asked)
    again = part(NOON + SECOND)
    assert 1 == len(watched.asked) - before
    assert len(first.rows) == len(again.rows)
    assert {NOON + SECOND} == {row["as_of"] for row in again.rows}
    clinic.outcome(["0"], inference_id=IDS[:1], **at(1))
    part(NOON + 2 * SECOND)
    assert len(watched.asked) - before > 2


def test_rows_that_stand_for_others_weigh_more(clinic: Clinic) -> None:
    """50 rows for 4 cases each: sums count cases, the interval knows 50 rows."""
    clinic.predict("m", TIMES, label="1", row_weight=[4.0] * 50 + [1.0] * 50)
    clinic.outcome(SICK, inference_id=IDS, **at(30))
    clinic.analysis().tick(NOON)
    found = clinic.metrics("clinical_metrics", "m")["diagnostic_accuracy"]
    assert (200, 250, 100, 250) == (
        found["numerator"],
        found["denominator"],
        found["n"],
        found["inferences"],
    )
    plain = 2 * 1.96 * (0.8 * 0.2 / 250) ** 0.5
    assert found["upper"] - found["lower"] > 1.3 * plain


def test_figures_by_site_sex_age_band_and_device(clinic: Clinic) -> None:
    """A site that errs is named; each subgroup knows its own completeness."""
    clinic.predict(
        "m",
        TIMES,
        {"age": np.array([30.0, 70.0] * 50)},
        label=["1"] * 25 + ["0"] * 25 + ["0"] * 50,
        score=[0.9] * 25 + [0.1] * 75,
        site=["north", "south"] * 50,
        device=["scanner"] * 100,
        subgroup=[[("sex", "f")], [("sex", "m")]] * 50,
    )
    clinic.outcome(SICK[:90], inference_id=IDS[:90], **at(30))
    clinic.analysis(clinical={"min_class": 5}).tick(NOON)
    found = {
        (row["subgroup_key"], row["subgroup_value"]): row
        for row in clinic.rows(
            "SELECT * FROM clinical_metrics WHERE metric = 'sensitivity'"
        )
    }
    keys = {"site", "sex", "age_band", "device", ""}
    assert keys == {key for key, _ in found}
    north = found["site", "north"]
    assert (13, 25, 50, 45, 0.9) == (
        north["numerator"],
        north["denominator"],
        north["inferences"],
        north["labelled"],
        pytest.approx(north["completeness"]),
    )
    assert "ok" == found["age_band", "65 to 79"]["status"]
    gaps = clinic.rows(
        "SELECT subgroup_key AS k, status, p_adjusted FROM clinical_metrics "
        "WHERE metric = 'sensitivity_gap'"
    )
    assert {"site", "sex", "age_band"} == {row["k"] for row in gaps}
    assert {"ok"} == {row["status"] for row in gaps}
