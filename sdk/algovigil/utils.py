"""The seed's import path of utilities; everything lives elsewhere."""

from algovigil.config import MonitoringConfig
from algovigil.health import MonitoringHealthCheck
from algovigil.phi import PHIProtector

__all__ = ["MonitoringConfig", "MonitoringHealthCheck", "PHIProtector"]
