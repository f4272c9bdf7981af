"""What every query of a dashboard shares: the variables and their conditions.

`$__conditionalAll` is true when All is chosen; `:singlequote` escapes the values.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from algovigil_dashboards.dashboard import Annotation, Variable

_COLUMNS: Final = {
    "model": "model_name",
    "version": "model_version",
    "site": "site",
}

MODEL: Final = Variable(
    "model",
    "Model",
    "SELECT DISTINCT model_name FROM inference_rollup "
    "WHERE $__timeFilter(bucket) ORDER BY model_name",
)
ONE_MODEL: Final = replace(MODEL, single=True)
"""Where a figure of several models together would be a figure of none."""
VERSION: Final = Variable(
    "version",
    "Version",
    "SELECT DISTINCT model_version FROM inference_rollup WHERE $__timeFilter(bucket) "
    "AND $__conditionalAll(model_name IN (${model:singlequote}), $model) "
    "ORDER BY model_version",
)
SITE: Final = Variable(
    "site",
    "Site",
    "SELECT DISTINCT site FROM inference_rollup WHERE $__timeFilter(bucket) "
    "AND $__conditionalAll(model_name IN (${model:singlequote}), $model) "
    "ORDER BY site",
)

DEPLOYMENTS: Final = Annotation(
    "Deployments",
    "blue",
    """
SELECT min(bucket) AS time, concat(model_name, ' ', model_version) AS text,
    'deployment' AS tags
FROM inference_rollup
GROUP BY model_name, model_version
HAVING $__timeFilter(time)
ORDER BY time
""",
)

SILENCES: Final = Annotation(
    "Silences",
    "purple",
    """
SELECT min(starts) AS time, argMax(ends, timestamp) AS timeEnd,
    concat('silenced by ', argMin(actor, timestamp), ': ',
        argMin(after, timestamp)) AS text, 'silence' AS tags
FROM alert_changes WHERE kind = 'silence'
GROUP BY name HAVING time <= $__toTime AND timeEnd >= $__fromTime
ORDER BY time LIMIT 500
""",
)


def where(time: str, *names: str) -> str:
    """Return the condition of a query whose time is the column *time*.

    *names* are the variables that its table has a column for.
    """
    parts = [f"$__timeFilter({time})"]
    parts += [
        f"$__conditionalAll({_COLUMNS[name]} IN (${{{name}:singlequote}}), ${name})"
        for name in names
    ]
    return " AND ".join(parts)
