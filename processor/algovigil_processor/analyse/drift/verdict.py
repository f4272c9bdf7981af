"""Findings as rows: of the model, of its chart, and of each feature."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from algovigil.statistics import DRIFT, INSUFFICIENT, OK, WARNING
from algovigil.statistics.compare import EVERYONE, Finding, drifted_share
from algovigil_processor.analyse.findings import Row, finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil_processor.analyse.drift.chart import Evidence
    from algovigil_processor.analyse.drift.reference import Reference
    from algovigil_processor.analyse.drift.window import Window

_SEVERITIES: Final = ("", "warning", "critical")


def verdict(
    findings: Sequence[Finding], window: Window, evidence: Evidence | None
) -> Row:
    """Return the row of the model itself: the share of its features in drift."""
    of_everyone = [f for f in findings if f.subgroup == EVERYONE]
    share = drifted_share(of_everyone)
    statuses = {f.status for f in findings}
    worst = DRIFT if DRIFT in statuses else WARNING if WARNING in statuses else OK
    severities = {f.severity for f in findings if f.status == DRIFT}
    p_value = evidence.p_value if evidence else None
    return everyone(
        {
            "feature": "",
            "method": "model",
            "statistic": share,
            "p_value": p_value,
            "p_adjusted": p_value,
            "threshold": 0.0,
            "rows_reference": max((f.n_reference for f in of_everyone), default=0),
            "rows_current": window.rows,
            "status": INSUFFICIENT if share is None else worst,
            "severity": max(severities, default="", key=_SEVERITIES.index),
        }
    )


def softened(finding: Finding) -> Finding:
    """Return what one look found as a warning: the chart does not alarm yet."""
    if finding.status != DRIFT:
        return finding
    return dataclasses.replace(finding, status=WARNING)


def chart(evidence: Evidence, reference: Reference, window: Window) -> Row:
    """Return the row of the model's chart."""
    status = OK if evidence.p_value is not None else INSUFFICIENT
    return everyone(
        {
            "feature": "",
            "method": "e_process",
            "statistic": evidence.value,
            "p_value": evidence.p_value,
            "p_adjusted": evidence.p_value,
            "threshold": evidence.limit,
            "rows_reference": reference.rows,
            "rows_current": window.rows,
            "status": DRIFT if status == OK and evidence.is_enough else status,
        }
    )


def clock_skew(reference: Reference, predictions: int) -> Row:
    """Return the row of predictions that are dated after now."""
    return everyone(
        {
            "feature": "",
            "method": "clock_skew",
            "statistic": float(predictions),
            "p_value": None,
            "p_adjusted": None,
            "threshold": 0.0,
            "rows_reference": reference.rows,
            "rows_current": predictions,
            "status": WARNING,
        }
    )


def finding_row(finding: Finding) -> Row:
    """Return one test as a row."""
    return {
        "subgroup_key": finding.subgroup[0],
        "subgroup_value": finding.subgroup[1],
        "feature": finding.feature,
        "method": finding.method,
        "statistic": finite(finding.statistic),
        "p_value": finite(finding.p_value),
        "p_adjusted": finite(finding.p_adjusted),
        "threshold": finite(finding.threshold),
        "rows_reference": finding.n_reference,
        "rows_current": finding.n_current,
        "status": finding.status,
        "severity": finding.severity,
    }


def everyone(row: Row) -> Row:
    """Return *row* as one of no subgroup, and of no severity unless it says so."""
    return {"subgroup_key": "", "subgroup_value": "", "severity": ""} | row
