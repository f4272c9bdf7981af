"""Host and process metrics have names that the conventions have now."""

from __future__ import annotations

from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.semconv._incubating.metrics import (
    cpython_metrics,
    process_metrics,
    system_metrics,
)

from algovigil import host

CONVENTIONS = {
    value
    for module in (cpython_metrics, process_metrics, system_metrics)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}


def test_only_current_names_are_sent() -> None:
    """What the official instrumentation still calls otherwise is left out."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    host.instrument(SystemMetricsInstrumentor, meter_provider=provider)
    try:
        data = reader.get_metrics_data()
    finally:
        SystemMetricsInstrumentor().uninstrument()
    sent = {
        metric.name
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert {"system.cpu.time", "system.memory.usage", "process.memory.usage"} <= sent
    assert set() == sent - CONVENTIONS
    assert {"system.memory.limit", "process.unix.file_descriptor.count"} <= CONVENTIONS
