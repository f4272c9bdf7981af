"""The seed's import path of tracking; everything lives elsewhere."""

from algovigil.drift import DriftDetector
from algovigil.outcomes import (
    AdverseEvent,
    ClinicalOutcomeTracker,
    OutcomeType,
    PatientOutcome,
)

__all__ = [
    "AdverseEvent",
    "ClinicalOutcomeTracker",
    "DriftDetector",
    "OutcomeType",
    "PatientOutcome",
]
