"""Findings as gauges for `/metrics`: the newest of each, from redacted rows only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

    from algovigil_processor.schema import Table
    from algovigil_processor.telemetry import Published

_HEAD: Final = {"model_name": "model", "model_version": "version"}
_SUBGROUP: Final = {"subgroup_key": "subgroup", "subgroup_value": "value"}
_FIGURES: Final = ("value", "lower", "upper", "completeness")
MOST: Final = 5000
"""Series of one table at most, so that a scrape stays small."""

_TABLES: Final[dict[str, tuple[str, dict[str, str], tuple[str, ...]]]] = {
    "clinical_metrics": ("clinical", {"metric": "metric", **_SUBGROUP}, _FIGURES),
    "performance_estimates": (
        "estimate",
        {"metric": "metric", "reason": "reason"},
        ("value", "lower", "upper", "outside", "realised"),
    ),
    "drift_findings": (
        "drift",
        {"feature": "feature", "method": "method", **_SUBGROUP},
        ("statistic", "p_adjusted"),
    ),
    "service_metrics": ("service", {"metric": "metric"}, ("value",)),
}


def gauges(table: Table, rows: pa.RecordBatch) -> list[Published]:
    """Return (name, labels, value) of each figure of *rows* that is a number.

    Each row also gives `<kind>.status`, 1 under the status that it has.
    """
    if table not in _TABLES:
        return []
    kind, labels, figures = _TABLES[table]
    named = {
        column: label
        for column, label in (_HEAD | labels).items()
        if column in rows.schema.names
    }
    found: list[Published] = []
    # findings are few: one turn a figure, of at most MOST
    for row in rows.slice(0, MOST).to_pylist():
        who = tuple((label, str(row[column])) for column, label in named.items())
        status = (*who, ("status", row["status"]))
        found.append((f"{kind}.status", status, 1.0))
        for figure in figures:
            number = row.get(figure)
            if number is not None:
                found.append((f"{kind}.{figure}", who, float(number)))
    return found
