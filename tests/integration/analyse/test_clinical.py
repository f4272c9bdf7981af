"""Diagnostic rates on labels that come late, twice, wrong or never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scipy.stats import binomtest

from algovigil_processor.serve.metrics import render
from integration.analyse.clinic import NOON, SECOND

if TYPE_CHECKING:
    from integration.analyse.clinic import Clinic

# Altman and Bland, BMJ 1994: 231 true positive, 27 false negative, 32 false
# positive, 54 true negative liver scans
PREDICTED = ["1"] * 231 + ["0"] * 27 + ["1"] * 32 + ["0"] * 54
ACTUAL = ["1"] * 258 + ["0"] * 86
TIMES = [NOON - 3600 * SECOND + i * SECOND for i in range(len(PREDICTED))]
LATER = {"timestamp": NOON - 60 * SECOND, "received": NOON - 30 * SECOND}
METRICS = ("diagnostic_accuracy", "sensitivity", "specificity", "ppv", "npv")


def tick(clinic: Clinic, now_ns: int = NOON, **clinical: Any) -> None:
    clinic.analysis(clinical=clinical).tick(now_ns)


def values(clinic: Clinic, model: str) -> list[float | None]:
    found = clinic.metrics("clinical_metrics", model)
    return [found[metric]["value"] for metric in METRICS]


def ids(model: str) -> list[str]:
    return [f"{model}-{time}-{i}" for i, time in enumerate(TIMES)]


def test_published_rates_by_inference_id(clinic: Clinic) -> None:
    """The liver scans give the published figures, with interval and completeness."""
    clinic.predict("liver", TIMES, label=PREDICTED)
    clinic.predict("liver", [NOON - SECOND] * 6, label="1")
    clinic.outcome(ACTUAL, inference_id=ids("liver"), **LATER)
    tick(clinic)
    found = clinic.metrics("clinical_metrics", "liver")
    published = [285 / 344, 231 / 258, 54 / 86, 231 / 263, 54 / 81]
    assert published == pytest.approx(values(clinic, "liver"))
    sensitivity = found["sensitivity"]
    assert (231, 258, 350, 344, "ok") == (
        sensitivity["numerator"],
        sensitivity["denominator"],
        sensitivity["inferences"],
        sensitivity["labelled"],
        sensitivity["status"],
    )
    wilson = binomtest(231, 258).proportion_ci(method="wilson")
    assert [*wilson] == pytest.approx([sensitivity["lower"], sensitivity["upper"]])


def test_outcomes_join_by_trace(clinic: Clinic) -> None:
    """In zero-code use the client knows only its trace id."""
    clinic.predict("liver", TIMES, label=PREDICTED)
    clinic.outcome(ACTUAL, trace_id=ids("liver"), **LATER)
    tick(clinic)
    assert 285 / 344 == pytest.approx(values(clinic, "liver")[0])


def test_outcomes_join_by_patient_to_the_nearest_earlier_prediction(
    clinic: Clinic,
) -> None:
    """By patient and model, an outcome labels the last prediction before it."""
    clinic.predict("liver", TIMES, label=PREDICTED, patient_id=ids("liver"))
    wrong = ["0" if label == "1" else "1" for label in ACTUAL]
    early = [time - 600 * SECOND for time in TIMES]
    clinic.predict("liver", early, label=wrong, patient_id=ids("liver"))
    clinic.predict("liver", [NOON] * 344, label=wrong, patient_id=ids("liver"))
    clinic.predict("other", TIMES, label=wrong, patient_id=ids("liver"))
    clinic.outcome(
        ACTUAL,
        patient_id=ids("liver"),
        model_name="liver",
        **LATER,
    )
    tick(clinic)
    assert 285 / 344 == pytest.approx(values(clinic, "liver")[0])
    assert 0 == clinic.metrics("clinical_metrics", "other")["npv"]["labelled"]


def test_a_later_label_replaces_an_earlier_one(clinic: Clinic) -> None:
    """Corrected and repeated outcomes count once: the latest that is known."""
    clinic.predict("liver", TIMES, label=PREDICTED)
    first = {"timestamp": NOON - 90 * SECOND, "received": NOON - 80 * SECOND}
    clinic.outcome(["1"] * 344, inference_id=ids("liver"), **first)
    same = [f"same-{i}" for i in range(344)]
    for actual, at in ((["0"] * 344, first), (ACTUAL, LATER), (ACTUAL, LATER)):
        clinic.outcome(actual, inference_id=ids("liver"), outcome_id=same, **at)
    tick(clinic)
    assert 285 / 344 == pytest.approx(values(clinic, "liver")[0])
    assert 344 == clinic.metrics("clinical_metrics", "liver")["ppv"]["labelled"]


def test_what_is_not_known_yet_does_not_count(clinic: Clinic) -> None:
    """Outcomes of the future, and other kinds of outcome, label nothing."""
    clinic.predict("liver", TIMES, label=PREDICTED)
    future = {"timestamp": NOON - SECOND, "received": NOON + SECOND}
    clinic.outcome(ACTUAL, inference_id=ids("liver"), **future)
    clinic.outcome(ACTUAL, inference_id=ids("liver"), **LATER, outcome_type="treatment")
    tick(clinic)
    found = clinic.metrics("clinical_metrics", "liver")
    volume = found.pop("alert_rate")  # needs no label
    assert (263, 344, "ok") == (
        volume["numerator"],
        volume["denominator"],
        volume["status"],
    )
    assert {("insufficient_data", None, 344, 0)} == {
        (row["status"], row["value"], row["inferences"], row["labelled"])
        for row in found.values()
    }


def test_cohorts_are_made_by_the_time_of_prediction(clinic: Clinic) -> None:
    """A label that arrives now for a prediction before the window is not of it."""
    clinic.predict("liver", TIMES, label=PREDICTED)
    clinic.outcome(ACTUAL, inference_id=ids("liver"), **LATER)
    tick(clinic, window=1800)
    assert {} == clinic.metrics("clinical_metrics", "liver")


def test_one_class_is_insufficient_for_the_other(clinic: Clinic) -> None:
    """Without diseased patients there is a specificity and no sensitivity."""
    clinic.predict("healthy", TIMES, label="0")
    clinic.outcome(["benign"] * 344, trace_id=ids("healthy"), **LATER)
    tick(clinic)
    assert [1.0, None, 1.0, None, 1.0] == values(clinic, "healthy")
    found = clinic.metrics("clinical_metrics", "healthy")
    assert "insufficient_data" == found["sensitivity"]["status"]
    assert 0 == found["sensitivity"]["denominator"]


def test_the_positive_class_is_a_setting(clinic: Clinic) -> None:
    """In the breast cancer data of scikit-learn 0 is malignant."""
    flipped = ["1.0" if label == "0" else "0.0" for label in PREDICTED]
    truth = ["1" if label == "0" else "0" for label in ACTUAL]
    clinic.predict("wdbc", TIMES, label=flipped)
    clinic.outcome(truth, trace_id=ids("wdbc"), **LATER)
    tick(clinic, positive_label="0")
    published = [285 / 344, 231 / 258, 54 / 86, 231 / 263, 54 / 81]
    assert published == pytest.approx(values(clinic, "wdbc"))


def test_words_for_the_classes_may_differ(clinic: Clinic) -> None:
    """A model says 1, pathology says malignant: both are the positive class."""
    words = {"1": "Malignant", "0": " benign"}
    clinic.predict("liver", TIMES, label=PREDICTED)
    clinic.outcome([words[a] for a in ACTUAL], trace_id=ids("liver"), **LATER)
    tick(clinic)
    assert 285 / 344 == pytest.approx(values(clinic, "liver")[0])


def test_unknown_words_have_an_accuracy_and_no_sensitivity(clinic: Clinic) -> None:
    """Without a positive class, true negatives are not invented."""
    names = {"1": "pneumonia", "0": "effusion"}
    clinic.predict("chest", TIMES, label=[names[p] for p in PREDICTED])
    clinic.outcome([names[a] for a in ACTUAL], trace_id=ids("chest"), **LATER)
    tick(clinic)
    assert [pytest.approx(285 / 344), None, None, None, None] == values(clinic, "chest")


def test_the_reporter_may_know_the_prediction(clinic: Clinic) -> None:
    """A span without a label is judged by what the outcome says was predicted."""
    clinic.predict("liver", TIMES, label=None)
    clinic.outcome(ACTUAL, trace_id=ids("liver"), predicted_value=PREDICTED, **LATER)
    tick(clinic)
    assert 285 / 344 == pytest.approx(values(clinic, "liver")[0])


def test_one_outcome_labels_one_prediction_of_its_trace(clinic: Clinic) -> None:
    """A second call in the trace does not count the patient twice."""
    clinic.predict("liver", TIMES, label=PREDICTED)
    again = [time + SECOND // 10 for time in TIMES]
    clinic.predict("liver", again, label=None, trace_id=ids("liver"))
    clinic.outcome(ACTUAL, trace_id=ids("liver"), **LATER)
    tick(clinic)
    found = clinic.metrics("clinical_metrics", "liver")["diagnostic_accuracy"]
    assert (285, 344, 688) == (
        found["numerator"],
        found["labelled"],
        found["inferences"],
    )


def test_findings_name_their_plan_and_are_gauges(clinic: Clinic) -> None:
    """The plan's version is in every row and in monitoring_plans; /metrics shows it."""
    clinic.predict("liver", TIMES, label=PREDICTED)
    clinic.outcome(ACTUAL, inference_id=ids("liver"), **LATER)
    tick(clinic)
    plans = clinic.rows("SELECT plan_version FROM monitoring_plans")
    named = clinic.rows("SELECT DISTINCT plan_version FROM clinical_metrics")
    assert plans == named
    text = render(clinic.telemetry, "1")
    line = next(
        one
        for one in text.splitlines()
        if one.startswith("algovigil_clinical_value") and "sensitivity" in one
    )
    assert 'model="liver"' in line
    assert 231 / 258 == pytest.approx(float(line.rpartition(" ")[2]))
    assert 'algovigil_clinical_status{model="liver"' in text
