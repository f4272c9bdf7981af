"""The metrics that a rule may name, once: what each one measures and where it is read.

The set is closed. A name outside it is a mistake in a rule, found at start and not by
a rule that never fires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal["ms", "ratio", "percent", "count", "rate", "number"]
"""Native units: milliseconds, 0-1, 0-100, things, things per second, no unit."""

Source: TypeAlias = Literal["calls", "resources", "clinical", "drift", "processor"]
"""`calls` are measured over any window; of the others the newest sample is read."""

Cut: TypeAlias = Literal["", "site", "subgroup"]
"""What a version's calls are divided by; '' is not at all."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its native unit, its source, and whether few samples make it void."""

    kind: Kind
    source: Source
    needs_samples: bool = False

    @property
    def cuts(self) -> frozenset[Cut]:
        """What the source keeps apart."""
        return _CUTS[self.source]


_CUTS: Final[Mapping[Source, frozenset[Cut]]] = {
    "calls": frozenset(("", "site", "subgroup")),
    "resources": frozenset(("",)),
    "clinical": frozenset(("", "site", "subgroup")),
    "drift": frozenset(("", "site", "subgroup")),
    "processor": frozenset(("",)),
}

METRICS: Final[Mapping[str, Metric]] = {
    "latency_p50": Metric("ms", "calls", needs_samples=True),
    "latency_p95": Metric("ms", "calls", needs_samples=True),
    "latency_p99": Metric("ms", "calls", needs_samples=True),
    "error_rate": Metric("ratio", "calls", needs_samples=True),
    "throughput": Metric("rate", "calls"),
    "request_count": Metric("count", "calls"),
    "availability": Metric("ratio", "calls", needs_samples=True),
    "queue_depth": Metric("count", "resources"),
    "cpu_percent": Metric("percent", "resources"),
    "memory_percent": Metric("percent", "resources"),
    "gpu_utilization": Metric("ratio", "resources"),  # hw.gpu.utilization is 0-1
    "gpu_memory_percent": Metric("percent", "resources"),
    "diagnostic_accuracy": Metric("ratio", "clinical"),
    "sensitivity": Metric("ratio", "clinical"),
    "specificity": Metric("ratio", "clinical"),
    "ppv": Metric("ratio", "clinical"),
    "npv": Metric("ratio", "clinical"),
    "auroc": Metric("ratio", "clinical"),
    "calibration_error": Metric("ratio", "clinical"),
    "treatment_effectiveness": Metric("ratio", "clinical"),
    "adverse_event_count": Metric("count", "clinical"),
    "drift_score": Metric("ratio", "drift"),  # the share of features that drifted
    "psi": Metric("number", "drift"),
    "ks_p_value": Metric("ratio", "drift"),
    "phi_leak_count": Metric("count", "processor"),  # of the last leak canary
}

QUANTILES: Final[Mapping[str, float]] = {
    "latency_p50": 0.5,
    "latency_p95": 0.95,
    "latency_p99": 0.99,
}
"""The share of calls that may be at most as slow as each latency says."""
