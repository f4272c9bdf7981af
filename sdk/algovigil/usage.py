"""What one call used of its GPU: energy, and memory at its peak.

Invariant: a number is the call's own or absent. NVML's energy counter is the device's,
so it is read only for a call that was alone on it in this process, and a counter that
did not move between two of its updates has measured nothing. The peak is that of
torch's allocator, which is started anew for the call: that is why `metrics.usage` is
off by default, for who reads torch's peak himself.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from typing import Any, Final

from algovigil.quiet import quiet


@dataclass(slots=True)
class Running:
    """A call that runs on a GPU."""

    device: str
    millijoules: int | None
    alone: bool = True


class Usage:
    """Measures the calls of this process on NVIDIA's GPUs; thread-safe.

    Args:
        nvml: The `pynvml` module.
        torch: The `torch` module; None looks for one that the program imported.
    """

    def __init__(self, nvml: Any, torch: Any = None) -> None:
        self._nvml: Final = nvml
        self._given: Final = torch
        self._lock: Final = threading.Lock()
        self._running: dict[str, list[Running]] = {}
        self._handles: dict[str, Any] = {}

    @quiet
    def begin(self, device: str) -> Running | None:
        """Return what `end` needs, None if *device* is no GPU of NVIDIA's.

        Args:
            device: As torch says it, such as `cuda:0`.
        """
        torch = self._given or sys.modules.get("torch")
        if torch is None or not device.startswith("cuda"):
            return None
        with self._lock:
            others = self._running.setdefault(device, [])
            call = Running(device, None, alone=not others)
            for other in others:
                other.alone = False
            others.append(call)
        if call.alone:
            torch.cuda.reset_peak_memory_stats(device)
            call.millijoules = self._energy(torch, device)
        return call

    @quiet
    def end(self, call: Running) -> tuple[float | None, int | None] | None:
        """Return joules and bytes at the peak, each None where it is not the call's."""
        torch = self._given or sys.modules["torch"]
        with self._lock:
            self._running[call.device].remove(call)
        if not call.alone:
            return None, None
        peak = int(torch.cuda.max_memory_allocated(call.device))
        after = self._energy(torch, call.device)
        joules = None
        if call.millijoules is not None and after is not None:
            moved = after - call.millijoules
            joules = moved / 1000 if moved > 0 else None
        return joules, peak

    def _energy(self, torch: Any, device: str) -> int | None:
        """Return the millijoules that *device* has used in its life."""
        try:
            if device not in self._handles:
                self._nvml.nvmlInit()
                # by UUID: torch and NVML may count devices in different orders
                uuid = torch.cuda.get_device_properties(device).uuid
                found = self._nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}".encode())
                self._handles[device] = found
            handle = self._handles[device]
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        except self._nvml.NVMLError:
            return None
