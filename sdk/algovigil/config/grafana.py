"""Where Grafana is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grafana:
    """Grafana's HTTP API; the credentials are GRAFANA_API_KEY, or GRAFANA_USERNAME and
    GRAFANA_PASSWORD, in the environment."""

    url: str = "http://127.0.0.1:3000"
    folder: str = "Algovigil"
    timeout: float = 10.0
