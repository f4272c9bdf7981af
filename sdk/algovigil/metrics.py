"""The seed's import path of metrics; everything lives elsewhere."""

from algovigil.collector import InferenceMetrics, MemoryMetrics, MetricsCollector
from algovigil.prometheus import PrometheusExporter

__all__ = [
    "InferenceMetrics",
    "MemoryMetrics",
    "MetricsCollector",
    "PrometheusExporter",
]
