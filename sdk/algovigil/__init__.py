"""Algovigil: watch medical AI in use. The whole public surface, names only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from algovigil.config import MonitoringConfig
from algovigil.errors import AlgovigilError, ConfigError, OutboxFull, Unavailable

if TYPE_CHECKING:
    from algovigil.drift import DriftDetector
    from algovigil.inference import monitor, track_inference
    from algovigil.outcomes import (
        AdverseEvent,
        ClinicalOutcomeTracker,
        OutcomeType,
        PatientOutcome,
    )
    from algovigil.phi import PHIProtector
    from algovigil.scope import context

__all__ = [
    "AdverseEvent",
    "AlgovigilError",
    "ClinicalOutcomeTracker",
    "ConfigError",
    "DriftDetector",
    "MonitoringConfig",
    "OutboxFull",
    "OutcomeType",
    "PHIProtector",
    "PatientOutcome",
    "Unavailable",
    "context",
    "monitor",
    "track_inference",
]

# loaded when first used: a worker process or a command needs few of them
_LAZY = {
    "AdverseEvent": "outcomes",
    "ClinicalOutcomeTracker": "outcomes",
    "DriftDetector": "drift",
    "OutcomeType": "outcomes",
    "PHIProtector": "phi",
    "PatientOutcome": "outcomes",
    "context": "scope",
    "monitor": "inference",
    "track_inference": "inference",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"algovigil.{_LAZY[name]}"), name)
