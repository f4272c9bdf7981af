"""When the distribution of what a model sees counts as changed."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Final

from algovigil.config.read import one_of
from algovigil.errors import ConfigError, explain

METHODS: Final = (
    "ks_test",
    "psi",
    "chi_square",
    "jensen_shannon",
    "wasserstein",
    "missing_rate",
    "range",
    "unseen_category",
    "domain_classifier",
)


@dataclass(frozen=True, slots=True)
class DriftDetection:
    """When the distribution of a feature counts as changed."""

    methods: tuple[str, ...] = (
        "ks_test",
        "psi",
        "missing_rate",
        "range",
        "unseen_category",
    )
    alpha: float = 0.05
    adjustment: str = "holm"
    """Of p-values over features and subgroups: `holm` or `bh`."""
    psi_warning: float = 0.2
    psi_critical: float = 0.25
    ks_floor: float = 0.1
    """Smallest KS distance that matters clinically, whatever the p-value."""
    rate_floor: float = 0.05
    """Smallest change of a rate that matters: of missing values, of alerts."""
    false_alarms_per_year: float = 1.0
    """The budget of a model: its chart is set so that it is kept on average."""
    interval: float = 3600.0
    window: float = 3600.0
    min_samples: int = 200
    reference_samples: int = 1000
    """Predictions of a new version that make its provisional reference."""
    sample_rows: int = 10_000
    """Rows that an exact test reads at most, drawn uniformly by SQL."""
    history_days: float = 7.0
    """How far back predictions are counted again into a new reference."""

    def __post_init__(self) -> None:
        for method in self.methods:
            one_of("drift_detection.methods", method, METHODS)
        one_of("drift_detection.adjustment", self.adjustment, ("holm", "bh"))
        if not self.psi_warning <= self.psi_critical:
            raise ConfigError(
                explain(
                    f"drift_detection.psi_critical {self.psi_critical}",
                    f"at least psi_warning, {self.psi_warning}",
                )
            )
        for name in ("false_alarms_per_year", "interval", "window"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    explain(
                        f"drift_detection.{name} {getattr(self, name)}",
                        "a number above 0",
                    )
                )

    @property
    def bucket_seconds(self) -> int:
        """The seconds of predictions that are counted together: 1/60 of a window."""
        return int(min(max(self.window / 60, 1), 60))

    @property
    def version(self) -> str:
        """The name of these settings: 12 hex digits that change when one does."""
        settings = repr(sorted(dataclasses.asdict(self).items()))
        return hashlib.sha256(settings.encode()).hexdigest()[:12]
