"""GPU metrics under the official `hw.*` names, from one process of each host.

Invariant: one pass over the devices per collection, whatever the number of metrics; of
the instrumented processes of a host one reports its GPUs, and the next when it dies.
No GPU is a normal state.
"""

from __future__ import annotations

import importlib
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.semconv._incubating.metrics import hw_metrics as hw

from algovigil import semconv
from algovigil.hostlock import HostLock
from algovigil.nvml import Nvml, Reading
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from opentelemetry.metrics import MeterProvider

_GAUGES: Final = {
    hw.HW_GPU_UTILIZATION: "1",
    hw.HW_GPU_MEMORY_UTILIZATION: "1",
    hw.HW_POWER: "W",
    hw.HW_TEMPERATURE: "Cel",
}
_LEVELS: Final = {
    hw.HW_GPU_MEMORY_USAGE: "By",
    hw.HW_GPU_MEMORY_LIMIT: "By",
    hw.HW_STATUS: "1",
    semconv.METRIC_GPU_THROTTLED: "1",
}
_COUNTERS: Final = {hw.HW_ENERGY: "J", hw.HW_ERRORS: "{error}"}


class Devices:
    """The GPUs of this host, as the one process that reports them sees them.

    Args:
        nvml: The `pynvml` module.
        lock: Held by the process that reports.
    """

    def __init__(self, nvml: Any, lock: HostLock) -> None:
        self._nvml: Final = Nvml(nvml)
        self._lock_of_host: Final = lock
        self._served: set[str] = set()
        self._readings: list[Reading] = []
        self._start_over()
        weak = weakref.WeakMethod(self._start_over)
        os.register_at_fork(after_in_child=lambda: (again := weak()) and again())

    def _start_over(self) -> None:
        self._lock = threading.Lock()

    def count(self) -> int:
        """Return how many GPUs there are."""
        with self._lock:
            return self._nvml.count()

    def current(self) -> list[Reading]:
        """Return what all GPUs report now, whichever process reports them."""
        with self._lock:
            return self._nvml.readings()

    def readings(self, metric: str) -> list[Reading]:
        """Return the readings of *metric*; none while another process reports.

        A collection asks for each metric once: asked for again, a new one began.
        """
        with self._lock:
            if not self._served or metric in self._served:
                self._served = set()
                held = self._lock_of_host.held()
                self._readings = self._nvml.readings() if held else []
            self._served.add(metric)
            return [found for found in self._readings if found.metric == metric]


@quiet
def observe(
    nvml: Any = None,
    meter_provider: MeterProvider | None = None,
    directory: str | Path = "",
) -> Devices | None:
    """Register the metrics of this host's GPUs and return them; None has none.

    Args:
        nvml: The `pynvml` module; by default imported.
        meter_provider: By default the global one.
        directory: Where the lock of the reporting process lies; '' is one that all
            processes of the host share.
    """
    if nvml is None:
        nvml = importlib.import_module("pynvml")
    devices = Devices(nvml, HostLock("gpu", directory))
    if devices.count() == 0:
        return None
    meter = metrics.get_meter("algovigil.devices", meter_provider=meter_provider)
    for create, names in (
        (meter.create_observable_gauge, _GAUGES),
        (meter.create_observable_up_down_counter, _LEVELS),
        (meter.create_observable_counter, _COUNTERS),
    ):
        for name, unit in names.items():
            create(name, [_callback(devices, name)], unit)
    return devices


def _callback(
    devices: Devices, metric: str
) -> Callable[[CallbackOptions], list[Observation]]:
    def callback(_: CallbackOptions) -> list[Observation]:
        return [
            Observation(found.value, dict(found.labels))
            for found in devices.readings(metric)
        ]

    return callback
