"""Outcomes against a real OTLP server: late, refused, killed, forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import grpc
import pytest

from algovigil import ClinicalOutcomeTracker, MonitoringConfig, PatientOutcome, semconv
from integration.sdk.collector import Collector, values, wait_for

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0123456789abcdef0123456789abcdef"
PATIENT = "MRN-1234567"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALGOVIGIL_PHI_KEY", KEY)


def settings(endpoint: str, directory: Path) -> MonitoringConfig:
    return MonitoringConfig.of(
        {
            "processor": {"endpoint": endpoint},
            "outcomes": {
                "directory": str(directory),
                "interval": 0.05,
                "batch_size": 10,
            },
        }
    )


def actual(collector: Collector) -> list[str]:
    return [
        values(record.attributes)[semconv.OUTCOME_ACTUAL] for record in collector.logs()
    ]


def test_outcomes_arrive_once_and_in_order(
    collector: Collector, tmp_path: Path
) -> None:
    """What was recorded is what arrives, as the wire contract says."""
    with ClinicalOutcomeTracker(settings(collector.endpoint, tmp_path)) as tracker:
        ids = [
            tracker.record_outcome(PatientOutcome(PATIENT, "a", str(i)))
            for i in range(35)
        ]
        assert tracker.flush(10)
    assert [str(i) for i in range(35)] == actual(collector)
    found = [values(record.attributes) for record in collector.logs()]
    assert ids == [attributes[semconv.OUTCOME_ID] for attributes in found]
    assert {semconv.EVENT_OUTCOME} == {r.event_name for r in collector.logs()}
    assert all(a[semconv.PATIENT_ID].startswith("p_k1_") for a in found)


def test_outcomes_wait_for_a_processor_that_is_away(tmp_path: Path) -> None:
    """Nothing is lost while it is down, and stopping does not take longer than told."""
    away = Collector()
    away.stop()
    tracker = ClinicalOutcomeTracker(settings(away.endpoint, tmp_path)).start()
    for i in range(3):
        tracker.record_outcome(PatientOutcome(PATIENT, "a", str(i)))
    assert not tracker.flush(0.3)
    tracker.stop(1.0)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("*/*"))
    assert b"medical_ai.outcome" in stored
    assert b"1234567" not in stored
    back = Collector(away.port)
    with ClinicalOutcomeTracker(settings(back.endpoint, tmp_path)) as again:
        wait_for(lambda: len(back.logs()) == 3)
        assert again.flush(5)
    assert ["0", "1", "2"] == actual(back)
    back.stop()


def test_a_kill_loses_nothing_that_was_recorded(
    collector: Collector, tmp_path: Path
) -> None:
    """`kill -9` in mid-stream: every outcome whose recording returned arrives."""
    program = """
import sys
from algovigil import ClinicalOutcomeTracker, MonitoringConfig, PatientOutcome
config = MonitoringConfig.of({
    "processor": {"endpoint": "http://127.0.0.1:9"},
    "outcomes": {"directory": sys.argv[1]},
})
tracker = ClinicalOutcomeTracker(config).start()
for i in range(100_000):
    tracker.record_outcome(PatientOutcome("P1", "a", str(i)))
    print(i, flush=True)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(200)]
    child.send_signal(signal.SIGKILL)
    told += child.stdout.readlines()
    child.wait()
    last = int(next(line for line in reversed(told) if line.endswith("\n")))
    with ClinicalOutcomeTracker(settings(collector.endpoint, tmp_path)) as tracker:
        assert tracker.flush(20)
    arrived = list(map(int, actual(collector)))
    assert list(range(len(arrived))) == arrived
    assert len(arrived) > last


def test_a_poison_outcome_blocks_nobody(collector: Collector, tmp_path: Path) -> None:
    """Refused for what it says: set aside, and the rest is delivered."""
    collector.failing = grpc.StatusCode.INVALID_ARGUMENT
    tracker = ClinicalOutcomeTracker(settings(collector.endpoint, tmp_path)).start()
    tracker.record_outcome(PatientOutcome(PATIENT, "a", "poison"))
    assert tracker.flush(10)
    collector.failing = None
    tracker.record_outcome(PatientOutcome(PATIENT, "a", "good"))
    assert tracker.flush(10)
    tracker.stop()
    assert ["good"] == actual(collector)
    (refused,) = tmp_path.glob("*/refused")
    assert b"poison" in refused.read_bytes()


def test_what_is_rejected_alone_is_set_aside_alone(
    collector: Collector, tmp_path: Path
) -> None:
    """A partial success names a number, not a record: it is found, and kept."""
    collector.rejecting = "poison"
    tracker = ClinicalOutcomeTracker(settings(collector.endpoint, tmp_path))
    for name in ("first", "poison", "last"):
        tracker.record_outcome(PatientOutcome(PATIENT, "a", name))
    tracker.start()
    assert tracker.flush(10)
    tracker.stop()
    assert {"first", "last"} <= set(actual(collector))
    (refused,) = tmp_path.glob("*/refused")
    assert b"poison" in refused.read_bytes()
    assert b"first" not in refused.read_bytes()


def test_not_now_is_tried_again(collector: Collector, tmp_path: Path) -> None:
    """An overloaded or unauthorising processor is asked until it takes them."""
    collector.failing = grpc.StatusCode.UNAUTHENTICATED
    tracker = ClinicalOutcomeTracker(settings(collector.endpoint, tmp_path)).start()
    tracker.record_outcome(PatientOutcome(PATIENT, "a", "0"))
    assert not tracker.flush(0.3)
    collector.failing = None
    assert tracker.flush(10)
    tracker.stop()
    assert ["0"] == actual(collector)


def test_a_forked_worker_records_for_itself(
    collector: Collector, tmp_path: Path
) -> None:
    """As under a server that forks: parent and child each deliver their own, once."""
    config = settings(collector.endpoint, tmp_path)
    tracker = ClinicalOutcomeTracker(config).start()
    tracker.record_outcome(PatientOutcome(PATIENT, "a", "parent"))
    assert tracker.flush(10)
    child = subprocess.Popen(
        [sys.executable, "-c", _FORKING, collector.endpoint, str(tmp_path)],
        env=dict(os.environ),
    )
    assert 0 == child.wait(30)
    wait_for(lambda: len(collector.logs()) == 3)
    tracker.stop()
    assert ["child", "forker", "parent"] == sorted(actual(collector))


_FORKING = """
import os, sys
from algovigil import ClinicalOutcomeTracker, MonitoringConfig, PatientOutcome
config = MonitoringConfig.of({
    "processor": {"endpoint": sys.argv[1]},
    "outcomes": {"directory": sys.argv[2], "interval": 0.05},
})
tracker = ClinicalOutcomeTracker(config)
tracker.record_outcome(PatientOutcome("P1", "a", "forker"))
child = os.fork()
if child == 0:
    tracker.record_outcome(PatientOutcome("P1", "a", "child"))
    tracker.start()
    os._exit(0 if tracker.flush(10) else 1)
tracker.start()
done = tracker.flush(10)
_, status = os.waitpid(child, 0)
sys.exit(0 if done and status == 0 else 1)
"""
