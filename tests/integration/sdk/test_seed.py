"""The user's specification: each SDK example, its import prefix changed, nothing else.

They run as a user would run them, in a process of their own, against a processor that
runs; what they say and what is stored is what the specification promises.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from integration.processor.served import KEY, Served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIX = ("serving.monitoring", "algovigil")

EXAMPLES: dict[str, str] = {}

EXAMPLES["collector"] = """
from serving.monitoring import MonitoringConfig, MetricsCollector

config = MonitoringConfig.load("monitoring_config.yaml")
collector = MetricsCollector(config)
collector.start()
for latency in (100.0, 200.0, 300.0, 400.0):
    collector.record_inference("seed-collector", latency=latency, success=True)
collector.record_inference("seed-collector", 500.0, False)
collector.record_memory_usage(cpu_percent=45.2, gpu_memory=1024)
metrics = collector.get_current_metrics()
collector.stop()

assert metrics["request_count"] == 5
assert metrics["error_rate"] == 0.2
assert (metrics["latency_p50"], metrics["latency_p95"]) == (300.0, 500.0)
assert metrics["latency_p99"] == 500.0
assert metrics["throughput"] == metrics["processing_rate"] == 5 / 60
assert metrics["queue_depth"] == 0
assert 0 <= metrics["cpu_percent"] <= 100
assert 0 < metrics["memory_percent"] <= 100
assert metrics["models"]["seed-collector"]["request_count"] == 5
"""

EXAMPLES["inference"] = """
from serving.monitoring import MonitoringConfig, MetricsCollector
from serving.monitoring.metrics import InferenceMetrics

MetricsCollector(MonitoringConfig.load("monitoring_config.yaml")).start()

with InferenceMetrics.track_inference("model_v1"):
    predicted = "malignant"
InferenceMetrics.record_accuracy("model_v1", predicted, "benign")

with InferenceMetrics.track_inference("model_v1"):
    InferenceMetrics.record_accuracy("model_v1", "benign", "benign")

@InferenceMetrics.track_inference("model_v2")
def predict(row):
    return ["high"]

assert predict([1.0, 2.0]) == ["high"]
InferenceMetrics.record_accuracy(model="model_v2", predicted="high", actual="high")

try:
    InferenceMetrics.record_accuracy("never called", 1, 1)
except Exception as error:
    assert "track_inference" in str(error)
else:
    raise AssertionError("an outcome of nothing was taken")
assert InferenceMetrics._tracker.flush(20)
"""

EXAMPLES["memory"] = """
from serving.monitoring.metrics import MemoryMetrics

usage = MemoryMetrics.get_current_usage()
assert 0 <= usage.cpu_percent <= 100
assert usage.gpu_memory is None   # this machine has none: a normal state
"""

EXAMPLES["prometheus"] = """
import urllib.request
from serving.monitoring import MonitoringConfig, PrometheusExporter, MetricsCollector

config = MonitoringConfig.load("monitoring_config.yaml")
exporter = PrometheusExporter(config)
exporter.start()
collector = MetricsCollector(config)
collector.start()
collector.record_inference("seed-prometheus", 12.0, True)
page = urllib.request.urlopen(f"http://127.0.0.1:{exporter.port}/metrics").read().decode()
exporter.stop()

from prometheus_client.parser import text_string_to_metric_families
found = {
    sample.name: sample.value
    for family in text_string_to_metric_families(page)
    for sample in family.samples
    if sample.labels.get("medical_ai_model_name") == "seed-prometheus"
}
assert found["medical_ai_inference_count_total"] == 1.0, page
assert found["medical_ai_inference_duration_milliseconds_count"] == 1.0, page
"""

EXAMPLES["outcomes"] = """
from datetime import datetime, timezone
from serving.monitoring import MonitoringConfig
from serving.monitoring.tracking import (
    AdverseEvent, ClinicalOutcomeTracker, OutcomeType, PatientOutcome,
)

when = datetime(2021, 5, 10, tzinfo=timezone.utc)
config = MonitoringConfig.load("monitoring_config.yaml")
tracker = ClinicalOutcomeTracker(config)
tracker.start()
tracker.record_outcome(PatientOutcome(
    patient_id="P-seed-1",
    diagnosis_predicted="pneumonia",
    diagnosis_actual="pneumonia",
    treatment_recommended="antibiotics",
    treatment_outcome="successful",
    timestamp=when,
))
tracker.record_outcome(PatientOutcome(
    patient_id="P-seed-2",
    outcome_type=OutcomeType.DIAGNOSTIC,
    predicted_value="pneumonia",
    actual_value="healthy",
    confidence_score=0.8,
    model_name="seed-model",
    timestamp=when,
))
tracker.record_outcome(PatientOutcome(
    patient_id="P-seed-3",
    outcome_type=OutcomeType.TREATMENT,
    treatment_recommended="antibiotics",
    treatment_effectiveness=0.5,
    timestamp=when,
))
twice = PatientOutcome(
    patient_id="P-seed-4", predicted_value="x", actual_value="y", outcome_id="twice",
    timestamp=1_600_000_000.0,
)
tracker.record_outcome(twice)
tracker.record_outcome(twice)
tracker.record_outcome(AdverseEvent(
    patient_id="P-seed-1", event="bleeding", severity="serious",
    model_name="seed-model", timestamp=when,
))
assert tracker.flush(20)
"""

EXAMPLES["reads"] = """
from datetime import date, datetime, timezone
from serving.monitoring import MonitoringConfig
from serving.monitoring.tracking import ClinicalOutcomeTracker

tracker = ClinicalOutcomeTracker(MonitoringConfig.load("monitoring_config.yaml"))
may = (datetime(2021, 5, 1, tzinfo=timezone.utc), datetime(2021, 6, 1))

accuracy = tracker.get_diagnostic_accuracy(may)
assert (accuracy.numerator, accuracy.denominator) == (1, 2), accuracy.__dict__
assert accuracy == 0.5
assert 0 < accuracy.interval.lower < 0.5 < accuracy.interval.upper < 1
assert tracker.get_diagnostic_accuracy(
    start_date=date(2021, 5, 10), end_date=date(2021, 5, 10)
) == 0.5
assert tracker.get_diagnostic_accuracy("9999d").denominator >= 3
old = tracker.get_diagnostic_accuracy(start_date="2020-09-01", end_date="2020-09-30")
assert (old.numerator, old.denominator) == (0, 1), "one id, one outcome"
none = tracker.get_diagnostic_accuracy(start_date="1999-01-01", end_date="1999-12-31")
assert none != none and none.denominator == 0   # NaN of nothing

assert tracker.get_treatment_effectiveness("antibiotics") == 0.75
assert tracker.get_treatment_effectiveness(treatment_type="surgery").denominator == 0

(event,) = tracker.get_adverse_events(may)
assert (event.event, event.severity, event.model_name) == (
    "bleeding", "serious", "seed-model")
assert event.patient_id.startswith("p_k1_")
assert event.reported is False
assert tracker.get_adverse_events(start_date="1999-01-01", end_date="1999-12-31") == []
"""

EXAMPLES["health"] = """
from serving.monitoring import MetricsCollector, MonitoringConfig, MonitoringHealthCheck

config = MonitoringConfig.load("monitoring_config.yaml")
health_check = MonitoringHealthCheck(config)
before = health_check.check_metrics_collection()
assert not before and "MetricsCollector" in before.reason
MetricsCollector(config).start()
assert health_check.check_metrics_collection().healthy
assert health_check.check_alert_system().healthy
status = health_check.check_all()
assert status.healthy, status.reasons

away = MonitoringHealthCheck(MonitoringConfig.of(
    {"processor": {"api": "http://127.0.0.1:9", "endpoint": "http://127.0.0.1:9"}}))
assert not away.check_all()
assert {"processor", "storage", "alert_system"} <= set(away.check_all().reasons)
"""

EXAMPLES["drift and phi"] = """
import numpy as np
from serving.monitoring.tracking import DriftDetector
from serving.monitoring.utils import PHIProtector

rng = np.random.default_rng(0)
detector = DriftDetector(methods=["ks_test"], alpha=0.05)
found = detector.detect_drift(rng.normal(3, 1, 500), rng.normal(0, 1, 500))
assert found.drift_detected
protector = PHIProtector(hash_salt="salt", anonymization_method="hashing")
clean = protector.anonymize({"patient_id": "P-1234567", "age": 64})
assert "1234567" not in str(clean) and clean["age"] == 64
"""


EXAMPLES["record"] = """
import numpy as np
import algovigil
from algovigil import MetricsCollector, MonitoringConfig, track_inference

settings = MonitoringConfig.load("monitoring_config.yaml")
import dataclasses
capture = dataclasses.replace(settings.capture, text=True, embedding=4)
collector = MetricsCollector(dataclasses.replace(settings, capture=capture)).start()
images = np.full((2, 1, 8, 8), 0.5, np.float32)
with algovigil.context(
    patient_id="P-7654321", encounter_id="E-7654321", site="north", sex="F", age_band=64
):
    with track_inference("imaging", version="3") as call:
        call.record_inputs({"image": images, "kvp": [120, 80], "report": [
            "clear lungs; write to jane@example.org about the visit in autumn, "
            "and ask for the images of last year",
            "effusion"]})
        call.record_outputs([[0.2, 0.8], [0.9, 0.1]], classes=("healthy", "ill"))
with track_inference("dosing") as call:
    call.record_inputs(np.zeros((3000, 30)))
    call.record_outputs(np.arange(3000.0), classes=())
collector.stop()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """A processor, and a directory with the settings that a user would write."""
    directory = tmp_path_factory.mktemp("seed")
    with Served(directory / "data") as served:
        settings: dict[str, Any] = {
            "environment": "production",
            "processor": {
                "endpoint": f"http://{served.addresses['grpc']}",
                "api": f"http://{served.addresses['api']}",
            },
            "outcomes": {"directory": str(directory / "outbox"), "interval": 0.05},
            "metrics": {"interval": 1, "lock_directory": str(directory)},
            "prometheus": {"port": 0},
        }
        text = yaml.safe_dump(settings)
        (directory / "monitoring_config.yaml").write_text(text, "utf-8")
        yield served, directory


def run(home: tuple[Served, Path], example: str) -> None:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES[example].replace(*PREFIX)],
        cwd=home[1],
        env={**environ, "ALGOVIGIL_PHI_KEY": KEY, "OTEL_SERVICE_NAME": "seed"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert 0 == done.returncode, done.stderr


def test_the_collector(home: tuple[Served, Path]) -> None:
    """Its metrics are true, and each call is a row that rules and tables see."""
    run(home, "collector")
    served, _ = home
    served.wait_for(
        "SELECT (count(), countIf(error_type != ''), round(sum(duration_ms)))"
        " FROM inferences WHERE model_name = 'seed-collector'",
        (5, 1, 1500.0),
    )
    served.wait_for(
        "SELECT max(Value) FROM otel_metrics_gauge"
        " WHERE MetricName = 'medical_ai.reported.cpu'",
        45.2,
    )
    served.wait_for(
        "SELECT max(Value) FROM otel_metrics_sum"
        " WHERE MetricName = 'medical_ai.inference.count'"
        " AND Attributes['medical_ai.model.name'] = 'seed-collector'",
        5.0,
    )


def test_inferences_and_their_truth(home: tuple[Served, Path]) -> None:
    """One span per call; what turned out to be true has that call's id."""
    run(home, "inference")
    served, _ = home
    served.wait_for(
        "SELECT count() FROM inferences WHERE model_name IN ('model_v1', 'model_v2')", 3
    )
    served.wait_for(
        "SELECT count() FROM outcomes WHERE model_name IN ('model_v1', 'model_v2')"
        " AND inference_id IN (SELECT inference_id FROM inferences)",
        3,
    )


def test_memory(home: tuple[Served, Path]) -> None:
    """CPU and GPU as they are."""
    run(home, "memory")


def test_prometheus(home: tuple[Served, Path]) -> None:
    """A page that Prometheus's own parser reads."""
    run(home, "prometheus")


def test_outcomes_and_their_figures(home: tuple[Served, Path]) -> None:
    """Written durably and once an id, read back over any range, with counts."""
    served, _ = home
    run(home, "outcomes")
    served.wait_for(
        "SELECT uniqExact(outcome_id) FROM outcomes WHERE timestamp < '2022-01-01'", 5
    )
    run(home, "reads")
    text = served.query("SELECT groupConcat(patient_id) FROM outcomes")
    assert "seed" not in text


def test_health(home: tuple[Served, Path]) -> None:
    """Each part is asked; what does not work says why."""
    run(home, "health")


def test_all_that_a_record_holds_arrives(home: tuple[Served, Path]) -> None:
    """Tensors, texts, every class, whom it is about: typed columns, no identifier."""
    run(home, "record")
    served, _ = home
    served.wait_for("SELECT count() FROM inferences WHERE model_name = 'imaging'", 2)

    def first(columns: str) -> Any:
        return served.query(
            f"SELECT ({columns}) FROM inferences"
            " WHERE model_name = 'imaging' ORDER BY row LIMIT 1"
        )

    assert ("ill", 0.8, {"healthy": 0.2, "ill": 0.8}) == first(
        "label, score, class_scores"
    )
    assert ({"image": "float32[1,8,8]"}, 0.5, 120.0, 4) == first(
        "inputs, features['image.mean'], features['kvp'], length(embedding)"
    )
    text = first("texts['report'], ''")[0]
    assert "clear lungs" in text
    assert "jane@example.org" not in text
    assert ({"sex": "F", "age_band": "60-69"}, "north", "cpu") == first(
        "subgroup, site, device"
    )
    ids = first("patient_id, encounter_id")
    assert all(token.startswith("p_k1_") for token in ids)
    assert ids[0] != ids[1]
    # above 64 KiB the rows came in a log record, each with its weight
    served.wait_for(
        "SELECT (count(), round(sum(row_weight)), any(length(features)))"
        " FROM inferences WHERE model_name = 'dosing'",
        (256, 3000.0, 30),
    )


def test_drift_and_phi(home: tuple[Served, Path]) -> None:
    """Under the paths that the specification imports them from."""
    run(home, "drift and phi")
