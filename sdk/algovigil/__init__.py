"""Algovigil: watch medical AI in use. The whole public surface, names only."""

from algovigil.config import MonitoringConfig
from algovigil.errors import AlgovigilError, ConfigError, OutboxFull, Unavailable

__all__ = [
    "AlgovigilError",
    "ConfigError",
    "MonitoringConfig",
    "OutboxFull",
    "Unavailable",
]
