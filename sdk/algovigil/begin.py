"""OpenTelemetry set up by hand, as `opentelemetry-instrument` does it on its own.

Invariant: it is set up once; a program that did so before is taken as it is, and only
told what is captured.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from opentelemetry import _logs, metrics, trace

from algovigil import signals

if TYPE_CHECKING:
    from algovigil.config import MonitoringConfig

_lock: Final = threading.Lock()


def begin(config: MonitoringConfig) -> None:
    """Set tracing, metrics and logs up for *config*, unless somebody did."""
    with _lock:
        if hasattr(trace.get_tracer_provider(), "add_span_processor"):
            if signals.unused():
                signals.use(signals.Signals(config))
            return
        # the SDK and its exporters: 0.2 s of import that only this needs
        from algovigil.distro import AlgovigilConfigurator, AlgovigilDistro

        AlgovigilDistro().configure(config=config)
        AlgovigilConfigurator().configure(config=config)  # type: ignore[no-untyped-call] # upstream


def flush(seconds: float) -> bool:
    """Send what waits; False if some still waits after *seconds*."""
    deadline = time.monotonic() + seconds
    signals.current().settle(seconds)
    done = True
    for provider in (
        trace.get_tracer_provider(),
        metrics.get_meter_provider(),
        _logs.get_logger_provider(),
    ):
        force = getattr(provider, "force_flush", None)
        if force is not None:
            left = max(0.1, deadline - time.monotonic())
            done = force(round(left * 1000)) and done
    return bool(done)
