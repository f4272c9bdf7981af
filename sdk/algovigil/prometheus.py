"""`/metrics` for Prometheus, beside or in place of OTLP.

Invariant: what is scraped is what OpenTelemetry holds when it is scraped; the page
shows numbers and labels of metrics only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics

from algovigil.begin import begin
from algovigil.config import MonitoringConfig
from algovigil.errors import ConfigError, explain

if TYPE_CHECKING:
    from types import TracebackType


class PrometheusExporter:
    """Serves the metrics of this process, on `prometheus.port` (8000).

    Args:
        config: Host and port; `metrics` says what is collected.

    Needs the extra `prometheus` (the official OpenTelemetry exporter).
    """

    def __init__(self, config: MonitoringConfig | None = None) -> None:
        self._config: Final = config or MonitoringConfig.from_environment()
        self._server: Any = None
        self._reader: Any = None

    @property
    def port(self) -> int:
        """Return the port that is served; 0 before `start`."""
        return 0 if self._server is None else int(self._server.server_port)

    def start(self) -> PrometheusExporter:
        """Serve `/metrics`.

        Raises:
            ConfigError: the extra is absent, the port is taken, or OpenTelemetry was
                set up by somebody whose metrics cannot be read.
        """
        if self._server is not None:
            return self
        exporter, client = _packages()
        begin(self._config)
        provider = metrics.get_meter_provider()
        add = getattr(provider, "add_metric_reader", None)
        if add is None:
            raise ConfigError(
                explain(
                    f"a {type(provider).__name__} that takes no further reader",
                    "the MeterProvider of opentelemetry-sdk 1.39 or later",
                )
            )
        address = self._config.prometheus
        registry = client.CollectorRegistry()
        try:
            self._server, _ = client.start_http_server(
                address.port, address.host, registry
            )
        except OSError as error:
            raise ConfigError(
                explain(
                    f"{address.host}:{address.port} cannot be listened on: "
                    f"{error.strerror}",
                    "a free port",
                    "`prometheus.port` sets it",
                )
            ) from None
        self._reader = exporter.PrometheusMetricReader(registry=registry)
        add(self._reader)
        return self

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            metrics.get_meter_provider().remove_metric_reader(self._reader)  # type: ignore[attr-defined] # of the SDK, which start asked for
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> PrometheusExporter:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()


def _packages() -> tuple[Any, Any]:
    try:
        import prometheus_client
        from opentelemetry.exporter import prometheus
    except ImportError:
        raise ConfigError(
            explain(
                "no opentelemetry-exporter-prometheus",
                "the package",
                "pip install 'algovigil[prometheus]'",
            )
        ) from None
    return prometheus, prometheus_client
