"""The OpenTelemetry distro: what `opentelemetry-instrument` sets up for a model server.

Invariant: settings of the user's environment win over ours; a processor that is dead
or hangs costs the service neither time per call nor more than 5 s at exit.
"""

from __future__ import annotations

import atexit
import inspect
import os
import socket
import sys
import threading
import time
import warnings
from importlib.util import find_spec
from multiprocessing import util as multiprocessing_util
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import wrapt
from opentelemetry import _logs, metrics, trace
from opentelemetry.instrumentation.distro import (  # type: ignore[attr-defined] # untyped
    BaseDistro,
)
from opentelemetry.sdk import _configuration
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from opentelemetry.sdk.environment_variables import OTEL_CONFIG_FILE
from opentelemetry.semconv.attributes.deployment_attributes import (
    DEPLOYMENT_ENVIRONMENT_NAME,
)

from algovigil import devices, host, probe, propagation, signals
from algovigil.config import MonitoringConfig
from algovigil.export import OutgoingLogs, OutgoingSpans, Renewed
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

EXIT_SECONDS: Final = 3.0
WORKER_SECONDS: Final = 1.5
"""Of a worker of a pool: whoever waits for it to end has its own seconds to come."""
_REFUSED_SECONDS: Final = 0.5
_DEFAULTS: Final = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http",  # the stable names
    "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "true",
}


class AlgovigilDistro(BaseDistro):  # type: ignore[misc] # untyped upstream
    """Sets defaults and loads instrumentors, ours and all others that are installed."""

    def _configure(self, config: MonitoringConfig | None = None, **_: Any) -> None:
        self._config = config or MonitoringConfig.from_environment()
        interval = round(self._config.metrics.interval * 1000)
        defaults = {**_DEFAULTS, "OTEL_METRIC_EXPORT_INTERVAL": str(interval)}
        for name, value in defaults.items():
            os.environ.setdefault(name, value)
        if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
            endpoint = self._config.processor.endpoint
            os.environ.setdefault("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Start an instrumentor; host metrics with current names only."""
        if is_tracker():
            return
        if entry_point.name == "fastapi":
            # a span for each message of a request tells nothing of a model, and
            # three of them a request are most of what is sent
            kwargs = {"exclude_spans": ["receive", "send"], **kwargs}
        if entry_point.name != "system_metrics":
            super().load_instrumentor(entry_point, **kwargs)
        elif self._config.metrics.host:
            host.instrument(entry_point.load(), **kwargs)


class AlgovigilConfigurator(_OTelSDKConfigurator):
    """Sets up the SDK with bounded queues, device metrics and private baggage."""

    def _configure(self, config: MonitoringConfig | None = None, **kwargs: Any) -> None:
        if is_tracker():
            return
        config = config or MonitoringConfig.from_environment()
        if not os.environ.get(OTEL_CONFIG_FILE):
            kwargs.update(_ours(config))
        with warnings.catch_warnings():
            # the SDK's own handler is deprecated, and all there is without the other
            warnings.simplefilter("ignore", DeprecationWarning)
            super()._configure(**kwargs)  # type: ignore[no-untyped-call] # upstream
        _renew_metric_exporters()
        signals.use(signals.Signals(config))
        propagation.install()
        probe.start()
        if config.metrics.host:
            host.observe()
        if config.metrics.gpu:
            devices.observe(directory=config.metrics.lock_directory)
        # registered last, so run first: before the providers' own, unbounded ones
        atexit.register(drain)
        _drain_children()


def is_tracker() -> bool:
    """Return whether this is a resource tracker of multiprocessing or joblib.

    Such a process inherits the instrumentation and runs no code of the user's.
    """
    return any("resource_tracker import main" in word for word in sys.orig_argv)


def _is_worker() -> bool:
    """Return whether this is a worker process of joblib's or multiprocessing's."""
    if any("loky" in word for word in sys.orig_argv):
        return True
    processes = sys.modules.get("multiprocessing.process")
    return processes is not None and processes.parent_process() is not None


def _renew_metric_exporters() -> None:
    """Let a forked child export metrics through a connection of its own."""
    config = getattr(metrics.get_meter_provider(), "_sdk_config", None)
    for reader in getattr(config, "metric_readers", ()):
        exporter = getattr(reader, "_exporter", None)
        if exporter is not None and hasattr(exporter, "_endpoint"):
            reader._exporter = Renewed(exporter)


def _drain_children() -> None:
    """Drain in children too that leave without the interpreter's own exit.

    Those of multiprocessing run finalizers of theirs, those of Celery send a signal.
    """
    multiprocessing_util.register_after_fork(
        _drained, lambda _: multiprocessing_util.Finalize(None, drain, exitpriority=10)
    )
    wrapt.register_post_import_hook(_drain_celery, "celery.signals")


def _drain_celery(module: Any) -> None:
    module.worker_process_shutdown.connect(_on_worker_shutdown)


def _on_worker_shutdown(**_: Any) -> None:
    drain()


class _Drained:
    """Something that lives as long as this module: forks look for it."""


_drained: Final = _Drained()


def _ours(config: MonitoringConfig) -> dict[str, Any]:
    """Return what of our setup this version of the SDK takes."""
    resource = {"telemetry.distro.name": "algovigil"}
    named = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if config.environment and DEPLOYMENT_ENVIRONMENT_NAME not in named:
        resource[DEPLOYMENT_ENVIRONMENT_NAME] = config.environment
    wanted: dict[str, Any] = {
        "export_span_processor": OutgoingSpans,
        "export_log_record_processor": OutgoingLogs,
        "resource_attributes": resource,
    }
    handler = "opentelemetry.instrumentation.logging.handler"
    if os.environ.get("OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION") == "true":
        wanted["setup_logging_handler"] = not _there(handler)
    known = inspect.signature(_configuration._initialize_components).parameters
    return {name: value for name, value in wanted.items() if name in known}


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _refuses() -> bool:
    """Return whether nothing listens where OTLP goes."""
    url = urlsplit(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    is_http = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").startswith("http")
    try:
        address = (url.hostname or "localhost", url.port or (4318 if is_http else 4317))
        socket.create_connection(address, _REFUSED_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except (OSError, ValueError):
        return False
    return False


def drain(seconds: float | None = None) -> None:
    """Send what waits and shut the SDK down, all signals at once, within *seconds*.

    A processor that refuses connections will not take anything in that time either:
    then there is no wait. A worker that recorded no call has nothing to wait for.
    """
    if seconds is None:
        seconds = WORKER_SECONDS if _is_worker() else EXIT_SECONDS
    if _is_worker() and not signals.current().totals.calls():
        seconds = 0.1
    if _refuses():
        seconds = min(seconds, _REFUSED_SECONDS)
    signals.current().settle(seconds / 3)
    providers = (
        trace.get_tracer_provider(),
        metrics.get_meter_provider(),
        _logs.get_logger_provider(),
    )
    threads = []
    for provider in providers:
        shutdown = getattr(provider, "shutdown", None)
        if shutdown is None:
            continue
        atexit.unregister(shutdown)
        thread = threading.Thread(target=quiet(shutdown), daemon=True)
        thread.start()
        threads.append(thread)
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
