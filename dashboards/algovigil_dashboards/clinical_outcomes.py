"""Clinical outcomes: is the model right, for whom not, since when, how do we know?"""

from __future__ import annotations

from typing import Final

from algovigil_dashboards.chosen import DEPLOYMENTS, ONE_MODEL, SILENCES, VERSION, where
from algovigil_dashboards.dashboard import Dashboard, Variable
from algovigil_dashboards.medical_ai import DRIFT_ALARMS, DRIFT_WORDS
from algovigil_dashboards.panels import (
    GREEN,
    RED,
    YELLOW,
    Panel,
    Sql,
    Threshold,
    band,
    colored,
    row,
    series,
    stat,
    table,
    unit,
)

_FIGURES: Final = where("timestamp", "model", "version")
_EVERYONE: Final = "subgroup_key = '' AND subgroup_value = ''"
_RATIO: Final = (Threshold(None, RED), Threshold(0.8, YELLOW), Threshold(0.9, GREEN))

SUBGROUP: Final = Variable(
    "subgroup",
    "Subgroup by",
    "SELECT DISTINCT subgroup_key FROM clinical_metrics "
    "WHERE $__timeFilter(timestamp) AND subgroup_key != '' ORDER BY subgroup_key",
)


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="algovigil-clinical-outcomes",
        title="Clinical outcomes",
        description="Is the model right, for whom is it not, and since when?",
        variables=(ONE_MODEL, VERSION, SUBGROUP),
        annotations=(DEPLOYMENTS, DRIFT_ALARMS, SILENCES),
        panels=(
            *_glance(),
            *_over_time(),
            *_for_whom(),
            *_labels(),
            *_treatment_and_harm(),
        ),
    )


def _newest(metric: str, value: str = "value") -> Sql:
    """Return the newest value of *metric*, NULL when nothing can be said."""
    return Sql(
        f"""
SELECT if(count() = 0, NULL,
    argMax(if(status = 'ok', {value}, NULL), timestamp)) AS newest
FROM clinical_metrics AS f WHERE {_FIGURES} AND metric = '{metric}' AND {_EVERYONE}
""",
        series=False,
    )


def _figure(metric: str) -> Sql:
    return Sql(f"""
SELECT $__timeInterval(timestamp) AS time, argMax(value, timestamp) AS value,
    argMax(lower, timestamp) AS lower, argMax(upper, timestamp) AS upper
FROM clinical_metrics AS f
WHERE {_FIGURES} AND metric = '{metric}' AND {_EVERYONE} AND f.value IS NOT NULL
GROUP BY time ORDER BY time
""")


def _glance() -> tuple[Panel, ...]:
    def of(title: str, metric: str) -> Panel:
        return stat(
            title, _newest(metric), unit="percentunit", decimals=1, thresholds=_RATIO
        )

    return (
        of("Accuracy now", "diagnostic_accuracy"),
        of("Sensitivity now", "sensitivity"),
        of("Specificity now", "specificity"),
        of("AUROC now", "auroc"),
        stat(
            "Predictions with an outcome",
            _newest("diagnostic_accuracy", "completeness"),
            unit="percentunit",
            decimals=0,
            thresholds=(
                Threshold(None, RED),
                Threshold(0.3, YELLOW),
                Threshold(0.7, GREEN),
            ),
            description="The share of predictions, old enough to be judged, whose "
            "outcome is known. The figures beside it speak of these alone.",
        ),
        stat(
            "Outcomes behind them",
            _newest("diagnostic_accuracy", "toFloat64(n)"),
            unit="short",
        ),
    )


def _over_time() -> tuple[Panel, ...]:
    def of(title: str, metric: str) -> Panel:
        return series(
            title,
            _figure(metric),
            unit="percentunit",
            low=0,
            high=1,
            overrides=band("lower", "upper"),
            description="With its 95 % interval. A gap is a time about which nothing "
            "can be said.",
        )

    calibration = Sql(f"""
SELECT $__timeInterval(timestamp) AS time, metric AS name,
    argMax(value, timestamp) AS value
FROM clinical_metrics AS f
WHERE {_FIGURES} AND {_EVERYONE} AND f.value IS NOT NULL
    AND metric IN ('calibration_error', 'calibration_in_the_large', 'brier')
GROUP BY time, name ORDER BY time
""")
    return (
        row("Is it right?"),
        of("Accuracy", "diagnostic_accuracy"),
        of("Sensitivity", "sensitivity"),
        of("Specificity", "specificity"),
        of("AUROC", "auroc"),
        of("Positive predictive value", "ppv"),
        series(
            "Calibration",
            calibration,
            description="Expected calibration error and Brier score: 0 is perfect. "
            "Calibration in the large, observed to expected: 1 is.",
        ),
    )


def _for_whom() -> tuple[Panel, ...]:
    newest = Sql(f"""
SELECT if(subgroup_key = '', 'everyone', subgroup_key) AS By,
    subgroup_value AS Subgroup,
    metric AS Metric, argMax(value, timestamp) AS Value,
    argMax(lower, timestamp) AS Lower, argMax(upper, timestamp) AS Upper,
    argMax(n, timestamp) AS n, argMax(completeness, timestamp) AS Completeness,
    argMax(status, timestamp) AS Status
FROM clinical_metrics AS f
WHERE {_FIGURES} AND metric IN ('diagnostic_accuracy', 'sensitivity', 'specificity')
    AND $__conditionalAll(subgroup_key IN (${{subgroup:singlequote}}), $subgroup)
GROUP BY By, Subgroup, Metric
ORDER BY Value IS NULL, Value LIMIT 200
""")

    def over_time(metric: str, name: str, width: int, height: int = 8) -> Panel:
        sql = Sql(f"""
SELECT $__timeInterval(timestamp) AS time,
    concat(subgroup_key, ' ', subgroup_value) AS name,
    argMax(value, timestamp) AS {metric}
FROM clinical_metrics AS f
WHERE {_FIGURES} AND metric = '{metric}' AND subgroup_key != ''
    AND $__conditionalAll(subgroup_key IN (${{subgroup:singlequote}}), $subgroup)
    AND f.value IS NOT NULL
GROUP BY time, name ORDER BY time
""")
        title = f"{name} by subgroup"
        return series(
            title, sql, width=width, height=height, unit="percentunit", low=0, high=1
        )

    percent = [unit(name, "percentunit", 1) for name in ("Value", "Lower", "Upper")]
    return (
        row("For whom is it not?"),
        table(
            "Newest figure of each subgroup, the worst first",
            newest,
            width=14,
            height=10,
            words=DRIFT_WORDS,
            overrides=(
                *percent,
                unit("Completeness", "percentunit", 0),
                colored("Status"),
            ),
        ),
        over_time("diagnostic_accuracy", "Accuracy", 10, 10),
        over_time("sensitivity", "Sensitivity", 12),
        over_time("specificity", "Specificity", 12),
    )


def _labels() -> tuple[Panel, ...]:
    estimated = Sql(f"""
SELECT $__timeInterval(timestamp) AS time, argMax(value, timestamp) AS estimated,
    argMax(lower, timestamp) AS lower, argMax(upper, timestamp) AS upper
FROM performance_estimates AS f
WHERE {_FIGURES} AND metric = 'diagnostic_accuracy' AND f.value IS NOT NULL
GROUP BY time ORDER BY time
""")
    realised = Sql(f"""
SELECT $__timeInterval(timestamp) AS time, argMax(value, timestamp) AS realised
FROM clinical_metrics AS f
WHERE {_FIGURES} AND metric = 'diagnostic_accuracy' AND {_EVERYONE}
    AND f.value IS NOT NULL
GROUP BY time ORDER BY time
""")
    completeness = Sql(f"""
SELECT $__timeInterval(timestamp) AS time, model_name AS name,
    argMax(completeness, timestamp) AS completeness
FROM clinical_metrics AS f
WHERE {_FIGURES} AND metric = 'diagnostic_accuracy' AND {_EVERYONE}
    AND f.completeness IS NOT NULL
GROUP BY time, name ORDER BY time
""")
    newest = Sql(f"""
SELECT model_name AS Model, model_version AS Version, metric AS Metric,
    argMax(value, timestamp) AS Estimated, argMax(lower, timestamp) AS Lower,
    argMax(upper, timestamp) AS Upper, argMax(realised, timestamp) AS Realised,
    argMax(n, timestamp) AS n, argMax(status, timestamp) AS Status,
    argMax(reason, timestamp) AS Reason, max(timestamp) AS Estimated_at
FROM performance_estimates WHERE {_FIGURES}
GROUP BY Model, Version, Metric ORDER BY Model, Version, Metric LIMIT 100
""")
    distribution = Sql(f"""
SELECT $__timeInterval(predicted_at) AS time, truth AS name, count() AS outcomes
FROM (
    SELECT outcome_id, any(made) AS predicted_at, argMax(actual, received) AS truth
    FROM joined_outcomes
    WHERE {where("made", "model", "version")} AND outcome_type = 'diagnostic'
    GROUP BY outcome_id)
GROUP BY time, name ORDER BY time
""")
    return (
        row("How do we know?"),
        series(
            "Accuracy: estimated before labels, and realised",
            estimated,
            realised,
            unit="percentunit",
            low=0,
            high=1,
            overrides=band("lower", "upper"),
            description="The estimate needs no labels; where its assumptions visibly "
            "fail it is refused and there is a gap.",
        ),
        series(
            "Share of predictions with an outcome",
            completeness,
            unit="percentunit",
            low=0,
            high=1,
        ),
        series(
            "What turned out to be true",
            distribution,
            low=0,
            custom={"stacking": {"mode": "normal"}, "fillOpacity": 30},
            description="Diagnoses by the time of the prediction; of one that was "
            "corrected the correction counts.",
        ),
        table(
            "Newest estimates; where refused, why",
            newest,
            width=24,
            height=6,
            words=DRIFT_WORDS,
            overrides=(
                *(
                    unit(name, "percentunit", 1)
                    for name in ("Estimated", "Lower", "Upper", "Realised")
                ),
                colored("Status"),
            ),
        ),
    )


def _treatment_and_harm() -> tuple[Panel, ...]:
    # what nobody said the model of is everybody's to see
    in_time = (
        f"{where('timestamp')} AND (model_name = '' OR {where('timestamp', 'model')})"
    )
    treatment = Sql(f"""
SELECT treatment AS Treatment, avg(treatment_effectiveness) AS Effectiveness,
    count(treatment_effectiveness) AS n
FROM outcomes
WHERE {in_time} AND outcome_type = 'treatment' AND treatment != ''
    AND treatment_effectiveness IS NOT NULL
GROUP BY Treatment ORDER BY n DESC LIMIT 50
""")
    events = Sql(f"""
SELECT $__timeInterval(timestamp) AS time,
    if(severity = '', 'severity not given', severity) AS name, count() AS events
FROM outcomes WHERE {in_time} AND outcome_type = 'adverse_event'
GROUP BY time, name ORDER BY time
""")
    unreported = Sql(
        f"""
SELECT if(count() = 0, NULL, countIf(NOT coalesce(reported, false))) AS unreported
FROM outcomes
WHERE {in_time} AND outcome_type = 'adverse_event'
    AND severity IN ('serious', 'severe', 'critical', 'fatal')
""",
        series=False,
    )
    return (
        row("Treatment and harm"),
        table(
            "Effectiveness by treatment (an association, not an effect)",
            treatment,
            width=10,
            overrides=(unit("Effectiveness", "percentunit", 1),),
        ),
        series("Adverse events by severity", events, low=0, width=10),
        stat(
            "Serious, not reported",
            unreported,
            height=7,
            thresholds=(Threshold(None, GREEN), Threshold(1, RED)),
        ),
    )
