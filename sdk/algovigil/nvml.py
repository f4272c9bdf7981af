"""What NVIDIA's management library says of the GPUs of this machine, in one pass.

Invariant: a value that a device does not report is absent, never zero; a device that
stops answering is `failed` and says nothing else; an error of NVML ends nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.semconv._incubating.attributes.hw_attributes import (
    HW_DRIVER_VERSION,
    HW_GPU_TASK,
    HW_ID,
    HW_MODEL,
    HW_NAME,
    HW_PARENT,
    HW_STATE,
    HW_TYPE,
    HW_VENDOR,
)
from opentelemetry.semconv._incubating.metrics.hw_metrics import (
    HW_ENERGY,
    HW_ERRORS,
    HW_GPU_MEMORY_LIMIT,
    HW_GPU_MEMORY_USAGE,
    HW_GPU_MEMORY_UTILIZATION,
    HW_GPU_UTILIZATION,
    HW_POWER,
    HW_STATUS,
    HW_TEMPERATURE,
)
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from algovigil import semconv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_XID: Final = 0x8  # nvmlEventTypeXidCriticalError
_MOST_EVENTS: Final = 1000
_THROTTLES: Final = {
    0x04: "power_cap",
    0x08: "hardware_slowdown",
    0x20: "software_thermal",
    0x40: "hardware_thermal",
    0x80: "power_brake",
}
"""Bits of nvmlClocksEventReasons that slow a GPU down against its will."""

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one device, or of one MIG slice of it."""

    metric: str
    value: float
    labels: Mapping[str, str]


@dataclass(slots=True)
class _Known:
    """What was found out about the device of one index."""

    labels: Labels
    xids: Counter[int] = field(default_factory=Counter)


class Nvml:
    """The GPUs of this machine; not thread-safe, and safe to use after a fork.

    Args:
        api: The `pynvml` module.
    """

    def __init__(self, api: Any) -> None:
        self._api: Final = api
        self._pid = 0
        self._known: dict[int, _Known] = {}
        self._events: Any = None

    def count(self) -> int:
        """Return how many GPUs there are; 0 also where there is no driver."""
        try:
            self._open()
            return int(self._api.nvmlDeviceGetCount())
        except self._api.NVMLError:
            return 0

    def readings(self) -> list[Reading]:
        """Return all that all devices report now."""
        try:
            self._open()
            count = self._api.nvmlDeviceGetCount()
        except self._api.NVMLError:
            self._pid = 0  # the driver went away: begin anew when it is back
            return []
        handles = {i: self._handle(i) for i in range(max(count, len(self._known)))}
        self._take_events()
        return [r for i, handle in handles.items() for r in self._device(i, handle)]

    def _open(self) -> None:
        # a handle does not survive a fork
        if self._pid == os.getpid():
            return
        self._api.nvmlInit()
        self._pid = os.getpid()
        self._known = {}
        self._events = self._ask("nvmlEventSetCreate")

    def _handle(self, index: int) -> Any:
        """Return the handle of device *index*, None if it is gone."""
        handle = self._ask("nvmlDeviceGetHandleByIndex", index)
        if handle is None or index in self._known:
            return handle
        uuid = self._ask("nvmlDeviceGetUUID", handle)
        if uuid is None:
            return None
        labels = self._labels(handle, uuid, f"GPU {index}")
        self._known[index] = _Known(labels)
        if self._events is not None:
            self._ask("nvmlDeviceRegisterEvents", handle, _XID, self._events)
        return handle

    def _labels(self, handle: Any, uuid: Any, name: str) -> Labels:
        found = {HW_ID: _text(uuid), HW_NAME: name, HW_VENDOR: "NVIDIA"}
        model = self._ask("nvmlDeviceGetName", handle)
        driver = self._ask("nvmlSystemGetDriverVersion")
        for key, value in ((HW_MODEL, model), (HW_DRIVER_VERSION, driver)):
            if value is not None:
                found[key] = _text(value)
        return found

    def _take_events(self) -> None:
        """Count the critical errors (XID) that came since the last pass."""
        if self._events is None:
            return
        by_id = {known.labels[HW_ID]: known for known in self._known.values()}
        for _ in range(_MOST_EVENTS):
            event = self._ask("nvmlEventSetWait", self._events, 0)
            if event is None:  # nothing more
                return
            uuid = self._ask("nvmlDeviceGetUUID", event.device)
            known = by_id.get(_text(uuid)) if uuid is not None else None
            if known is not None and event.eventType == _XID:
                known.xids[int(event.eventData)] += 1

    def _device(self, index: int, handle: Any) -> Iterator[Reading]:
        known = self._known.get(index)
        if known is None:
            return
        gpu = {**known.labels, HW_TYPE: "gpu"}
        for xid, times in known.xids.items():
            yield Reading(HW_ERRORS, times, {**gpu, ERROR_TYPE: f"xid_{xid}"})
        # a device that fell off the bus keeps its handle, and answers nothing
        lost = handle is None or self._ask("nvmlDeviceGetUUID", handle) is None
        yield from _status(gpu, failed=lost)
        if not lost:
            yield from self._values(handle, known.labels)

    def _values(self, handle: Any, who: Labels) -> Iterator[Reading]:
        gpu = {**who, HW_TYPE: "gpu"}
        yield from self._utilization(handle, who)
        yield from self._memory(handle, who)
        for metric, function, scale in (
            (HW_POWER, "nvmlDeviceGetPowerUsage", 1e-3),  # mW
            (HW_ENERGY, "nvmlDeviceGetTotalEnergyConsumption", 1e-3),  # mJ
        ):
            value = self._ask(function, handle)
            if value is not None:
                yield Reading(metric, value * scale, gpu)
        celsius = self._ask("nvmlDeviceGetTemperature", handle, 0)  # the GPU's sensor
        if celsius is not None:
            yield Reading(HW_TEMPERATURE, celsius, gpu)
        yield from self._ecc(handle, gpu)
        yield from self._throttles(handle, who)
        yield from self._slices(handle, who)

    def _utilization(self, handle: Any, who: Labels) -> Iterator[Reading]:
        rates = self._ask("nvmlDeviceGetUtilizationRates", handle)
        if rates is not None:
            labels = {**who, HW_GPU_TASK: "general"}
            yield Reading(HW_GPU_UTILIZATION, rates.gpu / 100, labels)
        for task, function in (
            ("encoder", "nvmlDeviceGetEncoderUtilization"),
            ("decoder", "nvmlDeviceGetDecoderUtilization"),
        ):
            found = self._ask(function, handle)  # percent, sampling period
            if found is not None:
                labels = {**who, HW_GPU_TASK: task}
                yield Reading(HW_GPU_UTILIZATION, found[0] / 100, labels)

    def _memory(self, handle: Any, who: Labels) -> Iterator[Reading]:
        # version 2 keeps what the driver reserves apart from what is used
        version = getattr(self._api, "nvmlMemory_v2", None)
        memory = self._ask("nvmlDeviceGetMemoryInfo", handle, version)
        memory = memory or self._ask("nvmlDeviceGetMemoryInfo", handle)
        if memory is not None and memory.total:
            yield Reading(HW_GPU_MEMORY_LIMIT, memory.total, who)
            yield Reading(HW_GPU_MEMORY_USAGE, memory.used, who)
            share = memory.used / memory.total
            yield Reading(HW_GPU_MEMORY_UTILIZATION, share, who)

    def _ecc(self, handle: Any, gpu: Labels) -> Iterator[Reading]:
        """Yield the errors of the device's life (aggregate counters)."""
        for kind, number in (("corrected", 0), ("uncorrected", 1)):
            found = self._ask("nvmlDeviceGetTotalEccErrors", handle, number, 1)
            if found is not None:
                yield Reading(HW_ERRORS, found, {**gpu, ERROR_TYPE: kind})

    def _throttles(self, handle: Any, who: Labels) -> Iterator[Reading]:
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
        if reasons is None:  # its name before driver 535
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
        if reasons is None:
            return
        for bit, reason in _THROTTLES.items():
            labels = {**who, semconv.GPU_THROTTLE_REASON: reason}
            yield Reading(semconv.METRIC_GPU_THROTTLED, bool(reasons & bit), labels)

    def _slices(self, handle: Any, who: Labels) -> Iterator[Reading]:
        """Yield what the MIG devices of a partitioned GPU report: memory."""
        mode = self._ask("nvmlDeviceGetMigMode", handle)
        if mode is None or not mode[0]:
            return
        for i in range(self._ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            part = self._ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, i)
            uuid = None if part is None else self._ask("nvmlDeviceGetUUID", part)
            if uuid is not None:
                labels = self._labels(part, uuid, f"{who[HW_NAME]} MIG {i}")
                yield from self._memory(part, {**labels, HW_PARENT: who[HW_ID]})

    def _ask(self, function: str, *arguments: Any) -> Any:
        """Return what NVML says, None where it says nothing."""
        ask = getattr(self._api, function, None)
        if ask is None:
            return None
        try:
            return ask(*arguments)
        except self._api.NVMLError:
            return None


def _status(gpu: Labels, *, failed: bool) -> Iterable[Reading]:
    for state, holds in (("ok", not failed), ("failed", failed)):
        yield Reading(HW_STATUS, int(holds), {**gpu, HW_STATE: state})


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
