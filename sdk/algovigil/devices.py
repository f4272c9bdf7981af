"""GPU metrics by NVML, under the official `hw.*` names.

Invariant: one pass over the devices per collection, whatever the number of metrics; a
value that a device does not report is absent, never zero; no GPU is a normal state.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.semconv._incubating.metrics.hw_metrics import (
    HW_ENERGY,
    HW_ERRORS,
    HW_GPU_MEMORY_LIMIT,
    HW_GPU_MEMORY_USAGE,
    HW_GPU_MEMORY_UTILIZATION,
    HW_GPU_UTILIZATION,
    HW_POWER,
    HW_TEMPERATURE,
)

from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import MeterProvider

_log: Final = logging.getLogger("algovigil")
_FRESH_SECONDS: Final = 0.5
"""Callbacks of one collection follow each other within this time."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one device."""

    metric: str
    value: float
    labels: Labels


class Devices:
    """The GPUs of this machine.

    Args:
        nvml: The `pynvml` module.
        ticks: Seconds of a clock that never goes back.
    """

    def __init__(self, nvml: Any, ticks: Callable[[], float] = time.monotonic) -> None:
        self._nvml: Final = nvml
        self._ticks: Final = ticks
        self._lock = threading.Lock()
        self._pid = 0
        self._read_at = float("-inf")
        self._readings: list[Reading] = []

    def count(self) -> int:
        """Return how many GPUs there are; 0 also where there is no driver."""
        try:
            self._open()
            return int(self._nvml.nvmlDeviceGetCount())
        except self._nvml.NVMLError as error:
            _log.debug("algovigil: no GPU: %s", type(error).__name__)
            return 0

    def readings(self, metric: str) -> list[Reading]:
        """Return the readings of *metric*, of one pass a collection."""
        with self._lock:
            now = self._ticks()
            if now - self._read_at > _FRESH_SECONDS:
                self._readings = self._pass()
                self._read_at = now
            return [found for found in self._readings if found.metric == metric]

    def _open(self) -> None:
        # a handle does not survive a fork
        if self._pid != os.getpid():
            self._nvml.nvmlInit()
            self._pid = os.getpid()

    def _pass(self) -> list[Reading]:
        try:
            self._open()
            handles = [
                self._nvml.nvmlDeviceGetHandleByIndex(i)
                for i in range(self._nvml.nvmlDeviceGetCount())
            ]
        except self._nvml.NVMLError:
            return []
        return [found for handle in handles for found in self._device(handle)]

    def _device(self, handle: Any) -> Iterable[Reading]:
        uuid = self._ask("nvmlDeviceGetUUID", handle)
        if uuid is None:
            return
        name = self._ask("nvmlDeviceGetName", handle)
        who: Labels = (("hw.id", _text(uuid)), ("hw.vendor", "NVIDIA"))
        if name is not None:
            who = (*who, ("hw.name", _text(name)))
        gpu: Labels = (*who, ("hw.type", "gpu"))
        yield from self._utilization(handle, who)
        memory = self._ask("nvmlDeviceGetMemoryInfo", handle)
        if memory is not None and memory.total:
            yield Reading(HW_GPU_MEMORY_LIMIT, memory.total, who)
            yield Reading(HW_GPU_MEMORY_USAGE, memory.used, who)
            share = memory.used / memory.total
            yield Reading(HW_GPU_MEMORY_UTILIZATION, share, who)
        for metric, function, scale in (
            (HW_POWER, "nvmlDeviceGetPowerUsage", 1e-3),  # mW
            (HW_ENERGY, "nvmlDeviceGetTotalEnergyConsumption", 1e-3),  # mJ
        ):
            value = self._ask(function, handle)
            if value is not None:
                yield Reading(metric, value * scale, gpu)
        sensor = getattr(self._nvml, "NVML_TEMPERATURE_GPU", 0)
        celsius = self._ask("nvmlDeviceGetTemperature", handle, sensor)
        if celsius is not None:
            yield Reading(HW_TEMPERATURE, celsius, gpu)
        yield from self._errors(handle, gpu)

    def _utilization(self, handle: Any, who: Labels) -> Iterable[Reading]:
        rates = self._ask("nvmlDeviceGetUtilizationRates", handle)
        if rates is not None:
            labels = (*who, ("hw.gpu.task", "general"))
            yield Reading(HW_GPU_UTILIZATION, rates.gpu / 100, labels)
        for task, function in (
            ("encoder", "nvmlDeviceGetEncoderUtilization"),
            ("decoder", "nvmlDeviceGetDecoderUtilization"),
        ):
            found = self._ask(function, handle)  # percent, sampling period
            if found is not None:
                labels = (*who, ("hw.gpu.task", task))
                yield Reading(HW_GPU_UTILIZATION, found[0] / 100, labels)

    def _errors(self, handle: Any, gpu: Labels) -> Iterable[Reading]:
        counter = getattr(self._nvml, "NVML_AGGREGATE_ECC", 1)
        for kind, number in (("corrected", 0), ("uncorrected", 1)):
            found = self._ask("nvmlDeviceGetTotalEccErrors", handle, number, counter)
            if found is not None:
                yield Reading(HW_ERRORS, found, (*gpu, ("error.type", kind)))

    def _ask(self, function: str, *arguments: Any) -> Any:
        """Return what NVML says, None where the device does not support it."""
        ask = getattr(self._nvml, function, None)
        if ask is None:
            return None
        try:
            return ask(*arguments)
        except self._nvml.NVMLError:
            return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@quiet
def observe(
    devices: Devices | None = None, meter_provider: MeterProvider | None = None
) -> None:
    """Register the metrics of *devices*, by default of this machine, if it has any."""
    if devices is None:
        import pynvml

        devices = Devices(pynvml)
    if devices.count() == 0:
        return
    meter = metrics.get_meter("algovigil.devices", meter_provider=meter_provider)
    gauge = meter.create_observable_gauge
    level = meter.create_observable_up_down_counter
    counter = meter.create_observable_counter
    for create, name, unit in (
        (gauge, HW_GPU_UTILIZATION, "1"),
        (gauge, HW_GPU_MEMORY_UTILIZATION, "1"),
        (level, HW_GPU_MEMORY_USAGE, "By"),
        (level, HW_GPU_MEMORY_LIMIT, "By"),
        (gauge, HW_POWER, "W"),
        (gauge, HW_TEMPERATURE, "Cel"),
        (counter, HW_ENERGY, "J"),
        (counter, HW_ERRORS, "{error}"),
    ):
        create(name, [_callback(devices, name)], unit)


def _callback(
    devices: Devices, metric: str
) -> Callable[[CallbackOptions], list[Observation]]:
    def callback(_: CallbackOptions) -> list[Observation]:
        return [
            Observation(found.value, dict(found.labels))
            for found in devices.readings(metric)
        ]

    return callback
