"""When a distribution counts as changed, and how labels become accuracy."""

from __future__ import annotations

from dataclasses import dataclass

from algovigil.config.read import one_of


@dataclass(frozen=True, slots=True)
class DriftDetection:
    """When the distribution of a feature counts as changed."""

    methods: tuple[str, ...] = ("ks_test", "psi")
    alpha: float = 0.05
    psi_warning: float = 0.2
    ks_floor: float = 0.1
    """Smallest KS distance that matters clinically, whatever the p-value."""
    interval: float = 3600.0
    window: float = 3600.0
    min_samples: int = 200
    reference_samples: int = 1000
    """Predictions of a new version that make its provisional reference."""
    sample_rows: int = 10_000
    """Rows that an exact test reads at most, drawn uniformly by SQL."""

    def __post_init__(self) -> None:
        for method in self.methods:
            one_of("drift_detection.methods", method, ("ks_test", "psi", "chi_square"))


@dataclass(frozen=True, slots=True)
class Clinical:
    """How labels that arrive later become accuracy."""

    interval: float = 60.0
    window: float = 86_400.0
    min_samples: int = 20
    positive_label: str = ""
    """The label that counts as disease; '' means 1, true, positive or malignant."""
