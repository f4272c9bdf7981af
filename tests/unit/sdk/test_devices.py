from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from algovigil.devices import Devices, observe


class NVMLError(Exception):
    """As pynvml raises it."""


class TwoGpus:
    """NVML of a machine with two GPUs, of which the second tells little.

    There is no GPU on the machines that test this; the functions and their units are
    those of NVML's reference.
    """

    NVMLError = NVMLError

    def __init__(self) -> None:
        self.passes = 0

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetCount(self) -> int:
        self.passes += 1
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}"

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return b"Test"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return SimpleNamespace(total=1000, used=250)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        if handle == 1:
            raise NVMLError
        return SimpleNamespace(gpu=50, memory=10)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        if handle == 1:
            raise NVMLError
        return 70_000


class NoDriver(TwoGpus):
    """A machine without a driver."""

    def nvmlInit(self) -> None:
        raise NVMLError


def points(nvml: Any) -> dict[str, dict[str, float]]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    observe(Devices(nvml), provider)
    nvml.passes = 0
    data = reader.get_metrics_data()
    return {
        metric.name: {
            str((point.attributes or {})["hw.id"]): point.value  # type: ignore[union-attr]
            for point in metric.data.data_points
        }
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_gpus_report_under_official_names_in_one_pass() -> None:
    """Ratios, bytes and watts by device; what is not supported is absent, not zero."""
    nvml = TwoGpus()
    assert {
        "hw.gpu.utilization": {"GPU-0": 0.5},
        "hw.gpu.memory.utilization": {"GPU-0": 0.25, "GPU-1": 0.25},
        "hw.gpu.memory.usage": {"GPU-0": 250, "GPU-1": 250},
        "hw.gpu.memory.limit": {"GPU-0": 1000, "GPU-1": 1000},
        "hw.power": {"GPU-0": 70.0},
    } == points(nvml)
    assert 1 == nvml.passes


def test_no_gpu_is_a_normal_state() -> None:
    """No driver: no metric, no error."""
    assert {} == points(NoDriver())
    observe()
