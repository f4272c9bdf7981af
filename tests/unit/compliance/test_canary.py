"""The leak canary is found when it leaks, and only then, and is never quoted."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from algovigil.config import Phi
from algovigil.phi import Protector
from algovigil_processor.batch import Origin
from algovigil_processor.compliance.canary import LeakCanary, Patient, requests
from algovigil_processor.compliance.leaks import Canary, LogWatch, forms
from algovigil_processor.decode import decode
from algovigil_processor.redact import Redact
from algovigil_processor.store import Store
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from algovigil_processor.pipeline import Signal

KEY = b"test-key-of-32-bytes-or-more-....."
AT = 1_790_000_000_000_000_000
REDACT = Redact(Protector(key=KEY), Telemetry())


@pytest.mark.parametrize("preset", ["pseudonymise", "safe_harbor", "dicom_basic"])
def test_no_canary_is_missed_by_the_rules(preset: str) -> None:
    """An alarm would be of the system's working, not of a patient hard to see."""
    redact = Redact(Protector(Phi(preset), KEY), Telemetry())
    patients = [Patient.of(seed) for seed in range(150)]
    for number, patient in enumerate(patients):
        for signal, body in requests(patient, number.to_bytes(16, "big"), AT):
            for batch in decode(signal, [body], Origin("canary", AT)).batches:
                rows = redact(batch).rows.to_pylist()
                text = json.dumps(rows, default=str, ensure_ascii=False).lower()
                left = {c.kind for c in patient.canaries() if met(c, text)}
                assert set() == left, (number, batch.table)


def met(canary: Canary, text: str) -> bool:
    """Whether *text*, in lower case, has *canary* in any form."""
    needles = forms(canary.value, digits=canary.digits)
    return any(needle in text.encode() for needle in needles)


def test_each_check_has_a_patient_of_its_own() -> None:
    """What an earlier one left is not found anew."""
    values = [c.value for seed in range(500) for c in Patient.of(seed).canaries()]
    ids = [value for value in values if value.isdigit()]
    assert len(ids) == len(set(ids))
    assert Patient.of(3) == Patient.of(3)


class System:
    """A store that the canary's requests reach, cleaned or not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.telemetry = Telemetry()
        self.store = Store(root / "clickhouse", self.telemetry)
        self.cleans = self.stores = self.acknowledges = True
        self.is_ending = False

    def send(self, signal: Signal, body: bytes) -> bool:
        decoded = decode(signal, [body], Origin("canary", AT))
        if self.stores and self.acknowledges:
            batches = [
                REDACT(b) if self.cleans else b.sealed(b.rows, "none")
                for b in decoded.batches
            ]
            self.store.insert(batches, f"{signal}")
        return self.acknowledges

    def canary(self) -> LeakCanary:
        return LeakCanary(
            self.send,
            self.store.query,
            self.root,
            ("clickhouse",),
            self.telemetry,
            lambda _: self.is_ending,
            seed=7,
            lag_seconds=120,
        )


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    system = System(tmp_path)
    yield system
    system.store.close()


def test_a_clean_system_is_told_clean(system: System) -> None:
    """Nothing is found of rows that were cleaned, and when it was looked is shown."""
    assert "clean" == system.canary().tick(AT)
    assert 0 == system.telemetry.gauges()["canary.leaks"]
    assert AT / 1e9 == system.telemetry.gauges()["canary.checked_seconds"]
    assert 1 == system.telemetry.total("canary.checks", result="clean")


def test_a_column_that_leaks_is_named_without_the_value(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    """Kind and column are logged as errors; of the patient nothing is."""
    system.cleans = False
    assert "leaked" == system.canary().tick(AT)
    assert system.telemetry.gauges()["canary.leaks"] > 10
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert any("its mrn is in otel_traces.SpanName" in line for line in errors)
    assert any("its ssn is in otel_logs.Body" in line for line in errors)
    assert any("its email is in otel_metrics_gauge" in line for line in errors)
    said = "\n".join(errors).lower()
    assert [] == [c.kind for c in Patient.of(7).canaries() if met(c, said)]


def test_a_file_that_leaks_is_found(system: System) -> None:
    """A debug dump beside the data is searched too; one of yesterday is not."""
    (system.root / "dump.txt").write_text(f"x {Patient.of(7).mrn} y")
    assert "leaked" == system.canary().tick(AT)
    assert "clean" == system.canary().tick(AT + 10**18), "written long before"


def test_a_log_line_that_leaks_is_found(system: System) -> None:
    """Also when the value is in the trace of an error only."""

    def send(signal: Signal, body: bytes) -> bool:
        try:
            raise ValueError(Patient.of(7).name)
        except ValueError:
            logging.getLogger("careless").exception("failed")
        return system.send(signal, body)

    canary = system.canary()
    canary._send = send  # type: ignore[misc] # a stage that logs what it failed on
    assert "leaked" == canary.tick(AT)


@pytest.mark.parametrize("way", ["refused", "lost", "ended"])
def test_what_did_not_pass_says_nothing_of_leaks(system: System, way: str) -> None:
    """No gauge says clean when the canary was not stored."""
    system.acknowledges = way != "refused"
    system.stores = False
    system.is_ending = way == "ended"
    assert way == system.canary().tick(AT)
    assert {} == {k: v for k, v in system.telemetry.gauges().items() if "canary" in k}


def test_a_refused_canary_that_leaks_is_a_leak(system: System) -> None:
    """A way that fails may be the one that leaks."""
    system.acknowledges = False
    (system.root / "core").write_text(Patient.of(7).email)
    assert "leaked" == system.canary().tick(AT)


def test_a_watch_ends_with_its_block() -> None:
    """No handler stays, whatever happened."""
    before = list(logging.getLogger().handlers)
    with pytest.raises(RuntimeError), LogWatch([Canary("x", "abcdef")]):
        raise RuntimeError
    assert before == logging.getLogger().handlers
