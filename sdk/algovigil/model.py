"""What is known of a model besides its calls.

Invariant: what is not known is absent; no name, class or version is made up.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """Name, version and vocabulary of one model object."""

    name: str
    version: str | None = None
    framework: str | None = None
    feature_names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    regression: bool | None = None
    """Whether predictions are values, not classes; None tells by their type."""
