"""GPU metrics by the real pynvml, against a C stand-in for the driver library."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from algovigil.devices import observe
from algovigil.hostlock import HostLock
from unit.sdk.nvml.standin import StandIn, build, loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Points = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def gpus(library: Path) -> Iterator[StandIn]:
    with loaded(library) as standin:
        standin.reset(2)
        standin.set(0, gpu=50, encoder=7, total=1000, used=250, power=70_000)
        standin.set(0, energy=5_000, celsius=61, corrected=3, uncorrected=1)
        standin.set(0, reasons=0x41)
        standin.set(1, total=2000, used=500, old_reasons=0x04)
        yield standin


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Callable[[], Points]]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    observe(meter_provider=provider, directory=tmp_path)
    yield lambda: _points(reader)
    provider.shutdown()


def _points(reader: InMemoryMetricReader) -> Points:
    """Return values by metric, then by device and what else tells them apart."""
    data = reader.get_metrics_data()
    common = {"hw.name", "hw.model", "hw.vendor", "hw.driver_version", "hw.type"}
    return {
        metric.name: {
            tuple(
                str(v)
                for k, v in sorted((point.attributes or {}).items())
                if k not in common
            ): point.value  # type: ignore[union-attr]
            for point in metric.data.data_points
        }
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_devices_report_under_official_names(
    gpus: StandIn, collect: Callable[[], Points]
) -> None:
    """Ratios, bytes, watts, joules by device; what is not supported is absent."""
    found = collect()
    assert {
        "hw.gpu.utilization": {("general", "GPU-0"): 0.5, ("encoder", "GPU-0"): 0.07},
        "hw.gpu.memory.utilization": {("GPU-0",): 0.25, ("GPU-1",): 0.25},
        "hw.gpu.memory.usage": {("GPU-0",): 250, ("GPU-1",): 500},
        "hw.gpu.memory.limit": {("GPU-0",): 1000, ("GPU-1",): 2000},
        "hw.power": {("GPU-0",): 70.0},
        "hw.energy": {("GPU-0",): 5.0},
        "hw.temperature": {("GPU-0",): 61},
        "hw.errors": {("corrected", "GPU-0"): 3, ("uncorrected", "GPU-0"): 1},
        "hw.status": {
            ("GPU-0", "ok"): 1,
            ("GPU-0", "failed"): 0,
            ("GPU-1", "ok"): 1,
            ("GPU-1", "failed"): 0,
        },
    } == {name: points for name, points in found.items() if name.startswith("hw.")}
    throttled = found["medical_ai.gpu.throttled"]
    assert {("GPU-0", "hardware_thermal"), ("GPU-1", "power_cap")} == {
        who for who, value in throttled.items() if value
    }
    assert 10 == len(throttled)


def test_a_collection_is_one_pass(gpus: StandIn, collect: Callable[[], Points]) -> None:
    """However many metrics are read; the next collection reads anew."""
    before = gpus.passes
    collect()
    gpus.set(0, celsius=99)
    assert {("GPU-0",): 99} == collect()["hw.temperature"]
    assert 2 == gpus.passes - before
    assert 1 == gpus.inits


def test_attributes_tell_which_device(
    gpus: StandIn, tmp_path: Path, collect: Callable[[], Points]
) -> None:
    """Id, index, model, vendor and driver, as the conventions name them."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    observe(meter_provider=provider, directory=tmp_path)
    data: Any = reader.get_metrics_data()
    (power,) = (
        point.attributes
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "hw.power"
        for point in metric.data.data_points
    )
    assert {
        "hw.id": "GPU-0",
        "hw.name": "GPU 0",
        "hw.model": "Stand-in 80GB",
        "hw.vendor": "NVIDIA",
        "hw.driver_version": "580.1",
        "hw.type": "gpu",
    } == dict(power)
    provider.shutdown()


def test_mig_slices_report_their_memory(
    gpus: StandIn, collect: Callable[[], Points]
) -> None:
    """A slice has an id of its own and names the GPU that it is part of."""
    gpus.set(1, mig=1)
    gpus.set(2, parent=1, total=100, used=40)
    gpus.set(3, parent=1)
    usage = collect()["hw.gpu.memory.usage"]
    assert {("GPU-0",): 250, ("GPU-1",): 500, ("MIG-2", "GPU-1"): 40} == usage


def test_critical_errors_are_counted_by_their_number(
    gpus: StandIn, collect: Callable[[], Points]
) -> None:
    """XIDs add up over collections, each device its own."""
    collect()
    gpus.xid(0, 79)
    gpus.xid(1, 48)
    gpus.xid(0, 79)
    collect()
    gpus.xid(0, 79)
    errors = collect()["hw.errors"]
    assert {("xid_79", "GPU-0"): 3, ("xid_48", "GPU-1"): 1} == {
        who: n for who, n in errors.items() if who[0].startswith("xid")
    }


def test_a_device_lost_in_mid_run_is_failed_and_silent(
    gpus: StandIn, collect: Callable[[], Points]
) -> None:
    """Its values end, its status says why, the others go on; it may come back."""
    collect()
    gpus.set(1, lost=1)
    found = collect()
    assert {("GPU-0",): 250} == found["hw.gpu.memory.usage"]
    assert 1 == found["hw.status"]["GPU-1", "failed"]
    assert 0 == found["hw.status"]["GPU-1", "ok"]
    assert 1 == found["hw.status"]["GPU-0", "ok"]
    gpus.set(1, lost=0)
    assert 500 == collect()["hw.gpu.memory.usage"]["GPU-1",]


def test_a_driver_that_goes_away_is_waited_for(
    gpus: StandIn, collect: Callable[[], Points]
) -> None:
    """Errors of the library end the values, not the process; then all is read anew."""
    collect()
    gpus.fail(9)
    assert {} == collect()
    gpus.fail(0)
    assert 2 == len(collect()["hw.gpu.memory.usage"])


def test_no_gpu_is_a_normal_state(library: Path, tmp_path: Path) -> None:
    """No library, no driver, no device: no metric and no error."""
    assert observe(directory=tmp_path) is None
    with loaded(library) as standin:
        standin.reset(0)
        assert observe(directory=tmp_path) is None
        standin.fail(9)
        assert observe(directory=tmp_path) is None


def test_one_process_of_a_host_reports(gpus: StandIn, tmp_path: Path) -> None:
    """The holder of the lock reports; when it lets go, the next collection does."""
    first = HostLock("gpu", tmp_path)
    assert first.held()
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    observe(meter_provider=provider, directory=tmp_path)
    assert {} == _points(reader)
    first.release()
    assert "hw.power" in _points(reader)
    assert not first.held()
    provider.shutdown()


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """The lock is the parent's alone: it ends with the parent, not with the child."""
    lock = HostLock("gpu", tmp_path)
    assert lock.held()
    asked, answered = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        held = [lock.held()]  # the parent has it
        os.write(answered[1], b".")
        os.read(asked[0], 1)
        held.append(lock.held())  # the parent let it go
        os._exit(0 if held == [False, True] else 1)
    os.read(answered[0], 1)
    assert lock.held()
    lock.release()
    os.write(asked[1], b".")
    assert 0 == os.waitpid(child, 0)[1]


def test_a_lock_that_cannot_be_had_is_not_held(tmp_path: Path) -> None:
    """A link in a shared directory is not followed; no directory, no lock."""
    (tmp_path / "algovigil-gpu.lock").symlink_to(tmp_path / "victim")
    assert not HostLock("gpu", tmp_path).held()
    assert not (tmp_path / "victim").exists()
    assert not HostLock("gpu", tmp_path / "absent").held()
