"""Host and process metrics: the official instrumentation, current names only.

Invariant: a name that semantic conventions renamed or dropped is not sent; what they
gained since is added here.
"""

from __future__ import annotations

from typing import Any, Final

import psutil
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from algovigil.quiet import quiet

CURRENT: Final[dict[str, list[str] | None]] = {
    "system.cpu.time": ["idle", "user", "system", "iowait"],
    "system.cpu.utilization": ["idle", "user", "system", "iowait"],
    "system.memory.usage": ["used", "free", "cached"],
    "system.memory.utilization": ["used", "free", "cached"],
    "system.disk.io": ["read", "write"],
    "system.disk.operations": ["read", "write"],
    "system.network.io": ["transmit", "receive"],
    "system.network.errors": ["transmit", "receive"],
    "process.cpu.time": ["user", "system"],
    "process.cpu.utilization": ["user", "system"],
    "process.memory.usage": None,
    "process.memory.virtual": None,
    "process.thread.count": None,
    "process.context_switches": ["involuntary", "voluntary"],
    "process.disk.io": ["read", "write"],
    "cpython.gc.collections": None,
}


def instrument(instrumentor: Any, **kwargs: Any) -> None:
    """Start *instrumentor*, the official one for system metrics, with `CURRENT`."""
    instrumentor(config=CURRENT).instrument(**kwargs)


@quiet
def observe() -> None:
    """Add `system.memory.limit` and `process.unix.file_descriptor.count`."""
    meter = metrics.get_meter("algovigil.host")
    total = psutil.virtual_memory().total

    def limit(_: CallbackOptions) -> list[Observation]:
        return [Observation(total)]

    def descriptors(_: CallbackOptions) -> list[Observation]:
        # a new object: the process may have been forked since
        return [Observation(psutil.Process().num_fds())]

    meter.create_observable_up_down_counter(
        "system.memory.limit", [limit], "By", "Memory of the system."
    )
    if hasattr(psutil.Process, "num_fds"):
        meter.create_observable_up_down_counter(
            "process.unix.file_descriptor.count",
            [descriptors],
            "{file_descriptor}",
            "File descriptors that the process has open.",
        )
