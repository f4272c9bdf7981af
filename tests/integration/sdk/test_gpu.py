"""GPU metrics of programs that know nothing of us, several on one host."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from integration.sdk.collector import Collector, values, wait_for
from unit.sdk.nvml.standin import build

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")


def start(name: str, collector: Collector, library: Path) -> subprocess.Popen[bytes]:
    """Start a program that waits for its input to end."""
    environ = {
        **os.environ,
        "LD_LIBRARY_PATH": str(library.parent),
        "STANDIN_WATTS": "70",
        "OTEL_SERVICE_NAME": name,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_METRIC_EXPORT_INTERVAL": "100",
        "ALGOVIGIL_METRICS_LOCK_DIRECTORY": str(library.parent),
    }
    program = "import sys; sys.stdin.read()"
    words = [INSTRUMENT, sys.executable, "-c", program]
    return subprocess.Popen(words, env=environ, stdin=subprocess.PIPE)


def watts(collector: Collector) -> Iterator[tuple[str, float]]:
    """Yield service and value of each point of `hw.power`."""
    for request in list(collector.requests["metrics"]):
        for resource in request.resource_metrics:
            service = values(resource.resource.attributes)["service.name"]
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == "hw.power":
                        for point in metric.gauge.data_points:
                            yield service, point.as_double


def test_the_next_process_takes_over_when_the_first_is_killed(
    collector: Collector, tmp_path: Path
) -> None:
    """One process of the host reports its GPUs, whoever of them is alive."""
    library = build(tmp_path)
    with ExitStack() as stack:
        first = stack.enter_context(start("first", collector, library))
        stack.callback(first.kill)
        wait_for(lambda: any(watts(collector)))
        second = stack.enter_context(start("second", collector, library))
        stack.callback(second.kill)
        wait_for(lambda: _heard(collector, "second"))
        assert {("first", 70.0)} == set(watts(collector))
        first.kill()
        wait_for(lambda: ("second", 70.0) in set(watts(collector)))


def _heard(collector: Collector, service: str) -> bool:
    return any(
        service == values(resource.resource.attributes)["service.name"]
        for request in list(collector.requests["metrics"])
        for resource in request.resource_metrics
    )
