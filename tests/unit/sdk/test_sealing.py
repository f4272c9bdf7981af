"""What waits on disk is sealed when there is a key, and a wrong key is told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from algovigil import (
    ClinicalOutcomeTracker,
    ConfigError,
    MonitoringConfig,
    PatientOutcome,
)
from algovigil.sealing import Seal

if TYPE_CHECKING:
    from pathlib import Path

KEY = "k" * 32
OTHER = "o" * 32
ACTUAL = "a-rare-diagnosis"


def tracker(directory: Path) -> ClinicalOutcomeTracker:
    settings = {
        "processor": {"endpoint": "http://127.0.0.1:9"},
        "outcomes": {"directory": str(directory)},
    }
    return ClinicalOutcomeTracker(MonitoringConfig.of(settings))


def record(directory: Path) -> None:
    found = tracker(directory)
    found.record_outcome(PatientOutcome(None, "a", ACTUAL, inference_id="i-0"))
    found.stop(0.0)


def stored(directory: Path) -> bytes:
    return b"".join(p.read_bytes() for p in directory.rglob("*") if p.is_file())


def test_what_is_sealed_is_opened_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes back, different ones on disk each time; none without a key."""
    seal = Seal(KEY)
    first, second = seal.close(b"record"), seal.close(b"record")
    assert b"record" not in first
    assert first != second
    assert [b"record", b"record"] == [seal.open(first), seal.open(second)]
    assert b"record" == Seal().open(Seal().close(b"record"))


@pytest.mark.parametrize("at", [9, 13, 30, -1])
def test_a_changed_record_is_not_opened(at: int) -> None:
    """One bit of key id, nonce, text or tag."""
    sealed = bytearray(Seal(KEY).close(b"record"))
    sealed[at] ^= 1
    with pytest.raises(ConfigError):
        Seal(KEY).open(bytes(sealed))


def test_outcomes_on_disk_need_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key nothing is readable there, and the same key reads it again."""
    monkeypatch.setenv("ENCRYPTION_KEY", KEY)
    record(tmp_path)
    assert ACTUAL.encode() not in stored(tmp_path)
    again = tracker(tmp_path).start()
    assert not again.flush(0.05)
    again.stop(0.0)
    monkeypatch.delenv("ENCRYPTION_KEY")
    record(tmp_path / "plain")
    assert ACTUAL.encode() in stored(tmp_path / "plain")


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        (KEY, OTHER, "sealed with another key"),
        (KEY, "", "no key"),
        ("", KEY, "run once without ENCRYPTION_KEY"),
    ],
)
def test_a_key_that_does_not_fit_is_told_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, then: str, told: str
) -> None:
    """The start fails with the reason; what waits is as it was."""
    monkeypatch.setenv("ENCRYPTION_KEY", first)
    record(tmp_path)
    before = stored(tmp_path)
    monkeypatch.setenv("ENCRYPTION_KEY", then)
    with pytest.raises(ConfigError, match=told):
        tracker(tmp_path).start()
    with pytest.raises(ConfigError, match=told):
        record(tmp_path)
    assert before == stored(tmp_path)
    monkeypatch.setenv("ENCRYPTION_KEY", first)
    tracker(tmp_path).start().stop(0.0)


def test_a_short_key_and_an_absent_package_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the start, with what to do."""
    with pytest.raises(ConfigError, match="at least 32 bytes"):
        Seal("short")
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.hashes", None)
    with pytest.raises(ConfigError, match=r"algovigil\[encryption\]"):
        Seal(KEY)
