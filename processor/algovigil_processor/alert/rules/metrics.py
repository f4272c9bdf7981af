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

Source: TypeAlias = Literal["service", "clinical", "drift"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its native unit, its table, and whether few samples make it void."""

    kind: Kind
    source: Source
    needs_samples: bool = False


METRICS: Final[Mapping[str, Metric]] = {
    "latency_p50": Metric("ms", "service", needs_samples=True),
    "latency_p95": Metric("ms", "service", needs_samples=True),
    "latency_p99": Metric("ms", "service", needs_samples=True),
    "error_rate": Metric("ratio", "service", needs_samples=True),
    "throughput": Metric("rate", "service"),
    "request_count": Metric("count", "service"),
    "availability": Metric("ratio", "service", needs_samples=True),
    "queue_depth": Metric("count", "service"),
    "cpu_percent": Metric("percent", "service"),
    "memory_percent": Metric("percent", "service"),
    "gpu_utilization": Metric("ratio", "service"),  # hw.gpu.utilization is 0-1
    "gpu_memory_percent": Metric("percent", "service"),
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
}
