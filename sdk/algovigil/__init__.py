"""Algovigil: watch medical AI in use. The whole public surface, names only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from algovigil.config import MonitoringConfig
from algovigil.errors import AlgovigilError, ConfigError, OutboxFull, Unavailable

if TYPE_CHECKING:
    from algovigil.alerts import (
        AlertManager,
        AlertRule,
        EmailNotifier,
        NotificationSystem,
        PagerDutyNotifier,
        SlackNotifier,
    )
    from algovigil.collector import InferenceMetrics, MemoryMetrics, MetricsCollector
    from algovigil.dashboards import GrafanaIntegration
    from algovigil.drift import DriftDetector
    from algovigil.health import MonitoringHealthCheck
    from algovigil.inference import monitor, track_inference
    from algovigil.outcomes import (
        AdverseEvent,
        ClinicalOutcomeTracker,
        OutcomeType,
        PatientOutcome,
    )
    from algovigil.phi import PHIProtector
    from algovigil.prometheus import PrometheusExporter
    from algovigil.reference import publish_reference
    from algovigil.scope import context

__all__ = [
    "AdverseEvent",
    "AlertManager",
    "AlertRule",
    "AlgovigilError",
    "ClinicalOutcomeTracker",
    "ConfigError",
    "DriftDetector",
    "EmailNotifier",
    "GrafanaIntegration",
    "InferenceMetrics",
    "MemoryMetrics",
    "MetricsCollector",
    "MonitoringConfig",
    "MonitoringHealthCheck",
    "NotificationSystem",
    "OutboxFull",
    "OutcomeType",
    "PHIProtector",
    "PagerDutyNotifier",
    "PatientOutcome",
    "PrometheusExporter",
    "SlackNotifier",
    "Unavailable",
    "context",
    "monitor",
    "publish_reference",
    "track_inference",
]

# loaded when first used: a worker process or a command needs few of them
_LAZY = {
    "SlackNotifier": "alerts",
    "PagerDutyNotifier": "alerts",
    "NotificationSystem": "alerts",
    "EmailNotifier": "alerts",
    "AlertRule": "alerts",
    "AlertManager": "alerts",
    "AdverseEvent": "outcomes",
    "ClinicalOutcomeTracker": "outcomes",
    "DriftDetector": "drift",
    "InferenceMetrics": "collector",
    "MemoryMetrics": "collector",
    "MetricsCollector": "collector",
    "MonitoringHealthCheck": "health",
    "GrafanaIntegration": "dashboards",
    "OutcomeType": "outcomes",
    "PHIProtector": "phi",
    "PatientOutcome": "outcomes",
    "PrometheusExporter": "prometheus",
    "context": "scope",
    "monitor": "inference",
    "publish_reference": "reference",
    "track_inference": "inference",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"algovigil.{_LAZY[name]}"), name)
