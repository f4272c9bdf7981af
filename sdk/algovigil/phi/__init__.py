"""PHI protection: what is an identifier, and what becomes of it. See `docs/phi.md`."""

from algovigil.phi.anonymize import PHIProtector
from algovigil.phi.protector import (
    KEY_BYTES,
    KEY_VARIABLE,
    Cleaned,
    Preset,
    Protector,
    Redaction,
    applied,
)

__all__ = [
    "KEY_BYTES",
    "KEY_VARIABLE",
    "Cleaned",
    "PHIProtector",
    "Preset",
    "Protector",
    "Redaction",
    "applied",
]
