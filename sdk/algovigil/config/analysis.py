"""How labels that arrive later become accuracy."""

from __future__ import annotations

from dataclasses import dataclass

from algovigil.config.read import within


@dataclass(frozen=True, slots=True)
class Clinical:
    """How labels that arrive later become accuracy."""

    interval: float = 60.0
    window: float = 86_400.0
    maturity: float = 0.0
    """Seconds that labels take: a cohort counts once its predictions are this old."""
    min_samples: int = 20
    min_class: int = 10
    """Fewest cases of a class that carry a rate or an alarm."""
    positive_label: str = ""
    """The label that counts as disease; '' means 1, true, positive or malignant."""
    alpha: float = 0.05
    """Family-wise, over all gaps between subgroups of a version (Holm)."""
    gap_floor: float = 0.1
    """Smallest gap between a subgroup and the rest that matters clinically."""
    age_bands: tuple[float, ...] = (18.0, 40.0, 65.0, 80.0)
    """Years at which age bands begin."""
    sample_rows: int = 200_000
    """Labelled predictions that one evaluation of a version reads at most."""
    reference_labels: int = 1000
    """First labelled predictions of a version: what estimates are calibrated on."""
    max_outside: float = 0.2
    """Share of a window outside the reference's support that refuses an estimate."""
    join_horizon: float = 2_592_000.0
    """How long an outcome that fits no prediction is tried again."""
    clock_skew: float = 300.0
    """How far clocks of reporters and services may disagree."""
    adverse_event_baseline: float = 0.0
    """Expected adverse events per prediction; 0 is the rate before the window."""
    reporting_days: float = 15.0
    """Days in which a serious adverse event is to be reported (EU 2024/1689, 73)."""

    def __post_init__(self) -> None:
        for name in ("alpha", "max_outside"):
            share = getattr(self, name)
            inside = 0 < share < 1
            within(f"clinical.{name}", share, "between 0 and 1", holds=inside)
        bands = self.age_bands
        rising = sorted(set(bands)) == list(bands)
        within("clinical.age_bands", bands, "rising numbers", holds=rising)
