"""The three first dashboards for those who have Prometheus only.

Series come from two scrapes: `/metrics` of the processor (`algovigil_*`: findings and
the processor's own) and of services that run the SDK's PrometheusExporter
(`medical_ai_*`, `hw_*`, `system_*`, `process_*`).
"""

from __future__ import annotations

from typing import Final

from algovigil_dashboards.dashboard import Dashboard, Variable
from algovigil_dashboards.panels import (
    GREEN,
    PROMETHEUS,
    RED,
    YELLOW,
    Panel,
    PromQl,
    Threshold,
    row,
    series,
    stat,
)

_NAME: Final = "medical_ai_model_name"
_CHOSEN: Final = f'{{{_NAME}=~"$model"}}'
_FOUND: Final = 'model=~"$model"'
_WIDTH: Final = "[$__rate_interval]"

MODEL: Final = Variable(
    "model",
    "Model",
    f"label_values(medical_ai_inference_count_total, {_NAME})",
    PROMETHEUS,
)
FOUND_MODEL: Final = Variable(
    "model", "Model", "label_values(algovigil_clinical_value, model)", PROMETHEUS
)
INSTANCE: Final = Variable(
    "instance",
    "Instance",
    "label_values(system_cpu_utilization_ratio, instance)",
    PROMETHEUS,
)


def _quantile(share: float) -> str:
    return (
        f"histogram_quantile({share}, sum by (le, {_NAME}) "
        f"(rate(medical_ai_inference_duration_milliseconds_bucket{_CHOSEN}{_WIDTH})))"
    )


def medical_ai() -> Dashboard:
    """Return calls, latency, errors, queue depth and drift."""
    calls = f"rate(medical_ai_inference_count_total{_CHOSEN}{_WIDTH})"
    errors = f"rate(medical_ai_inference_errors_total{_CHOSEN}{_WIDTH})"
    legend = f"{{{{{_NAME}}}}}"
    return Dashboard(
        uid="algovigil-prometheus-medical-ai",
        title="Medical AI (Prometheus)",
        description="Every model that is in use: calls, latency, errors, drift.",
        datasource=PROMETHEUS,
        variables=(MODEL,),
        panels=(
            row("Use"),
            series(
                "Calls a second",
                PromQl(f"sum by ({_NAME}) ({calls})", legend),
                unit="reqps",
                low=0,
            ),
            series(
                "Latency, 95th percentile",
                PromQl(_quantile(0.95), legend),
                unit="ms",
                low=0,
            ),
            series(
                "Failed calls",
                PromQl(
                    f"sum by ({_NAME}) ({errors}) / sum by ({_NAME}) ({calls})", legend
                ),
                unit="percentunit",
                low=0,
            ),
            series(
                "Calls begun and not ended",
                PromQl(
                    f"sum by ({_NAME}) (medical_ai_inference_active{_CHOSEN})", legend
                ),
                low=0,
                width=12,
            ),
            series(
                "Drift: population stability index by feature",
                PromQl(
                    "max by (model, feature) "
                    f'(algovigil_drift_statistic{{{_FOUND},method="psi",subgroup=""}})',
                    "{{model}} / {{feature}}",
                ),
                low=0,
                width=12,
                description="0.2 and more is a shift that matters.",
            ),
        ),
    )


def clinical_outcomes() -> Dashboard:
    """Return the figures that outcomes give, with their intervals and counts."""

    def figure(metric: str, field: str = "value") -> str:
        return f'algovigil_clinical_{field}{{{_FOUND},metric="{metric}",subgroup=""}}'

    def over_time(title: str, metric: str) -> Panel:
        return series(
            title,
            PromQl(figure(metric), "{{model}} {{version}}"),
            PromQl(figure(metric, "lower"), "{{model}} {{version}} lower"),
            PromQl(figure(metric, "upper"), "{{model}} {{version}} upper"),
            unit="percentunit",
            low=0,
            high=1,
        )

    return Dashboard(
        uid="algovigil-prometheus-clinical-outcomes",
        title="Clinical outcomes (Prometheus)",
        description="Is the model right, and how many outcomes say so?",
        datasource=PROMETHEUS,
        variables=(FOUND_MODEL,),
        panels=(
            stat(
                "Accuracy now",
                PromQl(f"min({figure('diagnostic_accuracy')})", instant=True),
                unit="percentunit",
                thresholds=(
                    Threshold(None, RED),
                    Threshold(0.8, YELLOW),
                    Threshold(0.9, GREEN),
                ),
                width=12,
                description="Of the worst of the chosen models.",
            ),
            stat(
                "Predictions with an outcome",
                PromQl(
                    f"min({figure('diagnostic_accuracy', 'completeness')})",
                    instant=True,
                ),
                unit="percentunit",
                width=12,
            ),
            over_time("Accuracy", "diagnostic_accuracy"),
            over_time("Sensitivity", "sensitivity"),
            over_time("Specificity", "specificity"),
            series(
                "Sensitivity by subgroup",
                PromQl(
                    "algovigil_clinical_value"
                    f'{{{_FOUND},metric="sensitivity",subgroup!=""}}',
                    "{{model}} {{subgroup}} {{value}}",
                ),
                unit="percentunit",
                low=0,
                high=1,
                width=24,
            ),
        ),
    )


def system_performance() -> Dashboard:
    """Return hosts, GPUs and the processor."""
    chosen = '{instance=~"$instance"}'

    def idle(metric: str) -> str:
        return f'{metric}{{instance=~"$instance",state="idle"}}'

    gpu = "{{instance}} {{hw_id}}"
    return Dashboard(
        uid="algovigil-prometheus-system-performance",
        title="System performance (Prometheus)",
        description="Hosts and GPUs of the services, and the processor itself.",
        datasource=PROMETHEUS,
        variables=(INSTANCE,),
        panels=(
            row("Hosts"),
            series(
                "CPU in use",
                PromQl(
                    f"1 - avg by (instance) ({idle('system_cpu_utilization_ratio')})",
                    "{{instance}}",
                ),
                unit="percentunit",
                low=0,
                high=1,
            ),
            series(
                "Memory in use",
                PromQl(
                    "sum by (instance) (system_memory_utilization_ratio"
                    '{instance=~"$instance",state="used"})',
                    "{{instance}}",
                ),
                unit="percentunit",
                low=0,
                high=1,
            ),
            series(
                "Memory of the service",
                PromQl(f"process_memory_usage_bytes{chosen}", "{{instance}}"),
                unit="bytes",
                low=0,
            ),
            row("GPUs (empty on hosts without one)"),
            series(
                "GPU utilisation",
                PromQl(f"hw_gpu_utilization_ratio{chosen}", gpu),
                unit="percentunit",
                low=0,
                high=1,
            ),
            series(
                "GPU memory",
                PromQl(f"hw_gpu_memory_usage_bytes{chosen}", gpu),
                unit="bytes",
                low=0,
            ),
            series(
                "GPU power",
                PromQl(f"hw_power_watts{chosen}", gpu),
                unit="watt",
                low=0,
            ),
            row("Processor"),
            series(
                "Requests a second by answer",
                PromQl(
                    f"sum by (code) (rate(algovigil_receive_requests_total{_WIDTH}))",
                    "{{code}}",
                ),
                unit="reqps",
                low=0,
            ),
            series(
                "Rows stored a second",
                PromQl(
                    f"sum by (table) (rate(algovigil_store_rows_total{_WIDTH}))",
                    "{{table}}",
                ),
                low=0,
            ),
            series(
                "Journal, not yet in every table",
                PromQl("algovigil_journal_bytes", "{{instance}}"),
                unit="bytes",
                low=0,
            ),
        ),
    )
