"""Whether monitoring itself works: each part asked live, with its reason.

Invariant: a check says what it found; it raises nothing and believes nothing that it
did not see.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry import metrics, trace

from algovigil.api import Api, ApiRefused
from algovigil.config import MonitoringConfig
from algovigil.delivery import endpoint
from algovigil.errors import AlgovigilError

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one part; true if it works."""

    name: str
    healthy: bool
    reason: str = ""
    """Why it does not work; '' where it does."""

    def __bool__(self) -> bool:
        """Return whether the part works."""
        return self.healthy


@dataclass(frozen=True, slots=True)
class Health:
    """All checks; true if every part works."""

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Return whether every part works."""
        return all(check.healthy for check in self.checks)

    @property
    def reasons(self) -> dict[str, str]:
        """Return the reason of each part that does not work."""
        return {c.name: c.reason for c in self.checks if not c.healthy}

    def __bool__(self) -> bool:
        """Return whether every part works."""
        return self.healthy

    def __getitem__(self, name: str) -> Check:
        """Return the check of that name."""
        return next(check for check in self.checks if check.name == name)


class MonitoringHealthCheck:
    """Asks SDK and processor whether they work.

    Args:
        config: Where the processor is.
    """

    def __init__(self, config: MonitoringConfig | None = None) -> None:
        self._config: Final = config or MonitoringConfig.from_environment()

    def check_all(self) -> Health:
        """Return every check."""
        return Health(
            (
                self.check_metrics_collection(),
                self.check_processor(),
                self.check_storage(),
                self.check_alert_system(),
                self.check_outcomes(),
            )
        )

    def check_metrics_collection(self) -> Check:
        """Check that this process records, and that its receiver can be reached."""
        return _check("metrics_collection", self._collection)

    def check_processor(self) -> Check:
        """Check that every part of the processor takes work."""
        return _check("processor", self._ready)

    def check_storage(self) -> Check:
        """Check that the database answers a query."""
        return _check("storage", lambda: self._asked("SELECT count() FROM inferences"))

    def check_alert_system(self) -> Check:
        """Check that rules are there and alerts can be asked for."""
        return _check("alert_system", self._alerts)

    def check_outcomes(self) -> Check:
        """Check that outcomes can be kept and do not wait for long."""
        return _check("outcomes", self._outcomes)

    def _collection(self) -> str:
        providers = (trace.get_tracer_provider(), metrics.get_meter_provider())
        if not all(hasattr(provider, "force_flush") for provider in providers):
            return (
                "nothing is recorded in this process; run it under "
                "`algovigil instrument`, or call MetricsCollector(config).start()"
            )
        url = urlsplit(endpoint(self._config.processor))
        address = (url.hostname or "localhost", url.port or 4317)
        try:
            socket.create_connection(address, _SECONDS).close()
        except OSError as error:
            return f"{url.netloc} cannot be reached: {type(error).__name__}"
        return ""

    def _ready(self) -> str:
        try:
            Api(self._config).get("/readyz")
        except ApiRefused as refused:
            return str(refused)
        return ""

    def _asked(self, sql: str) -> str:
        Api(self._config).rows(sql)
        return ""

    def _alerts(self) -> str:
        Api(self._config).get("/api/v1/rules")
        Api(self._config).get("/api/v1/alerts")
        return ""

    def _outcomes(self) -> str:
        from algovigil.outbox import waiting
        from algovigil.outcomes import directory

        bytes_waiting = waiting(directory(self._config))
        most = self._config.outcomes.max_bytes
        if bytes_waiting > most / 2:
            return f"{bytes_waiting} bytes of outcomes wait, of {most} at most"
        return ""


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        reason = look()
    except AlgovigilError as error:
        reason = str(error)
    return Check(name, not reason, reason)
