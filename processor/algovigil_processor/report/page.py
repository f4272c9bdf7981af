"""The report as one self-contained page of HTML."""

from __future__ import annotations

import datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from algovigil.statistics.auroc import auroc, roc_curve
from algovigil.statistics.calibration import reliability
from algovigil_processor.report.svg import COLOURS, Plot, forest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from algovigil_processor.report.read import Facts, Row

_POSITIVE: Final = frozenset({"1", "1.0", "true", "positive", "malignant", "+"})
_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c2430;margin:0 auto;max-width:1160px;
padding:24px}h1{font-size:26px;margin:0}h2{font-size:18px;margin:32px 0 8px;
border-bottom:1px solid #d5dbe3;padding-bottom:4px}.muted{color:#5b6470}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:18px}
figure{margin:0;border:1px solid #d5dbe3;border-radius:6px;padding:10px}
figcaption{font-weight:600}svg{width:100%;height:auto}svg text{font-size:11px;
fill:#3b4450}.grid{stroke:#e6eaf0}table{border-collapse:collapse;width:100%}
td,th{padding:4px 10px;border-bottom:1px solid #e6eaf0;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.warning{color:#9a5b00}.critical,.drift,.refused{color:#b3261e;font-weight:600}
.insufficient_data{color:#5b6470}
"""


def page(facts: Facts, positive: str = "") -> str:
    """Return the whole page; *positive* names the class that counts as disease."""
    name = escape(facts.model)
    since = f"Findings since {escape(facts.since)} UTC. Intervals are 95 %."
    parts = [
        f"<h1>{name}</h1><p class='muted'>{since}</p>",
        _versions(facts),
        "<h2>Performance</h2>",
        _plots([*_scores(facts, positive), *_history(facts)]),
        _figures(facts),
        "<h2>Subgroups</h2>",
        _plots(_subgroups(facts)) or "<p class='muted'>No subgroup has labels.</p>",
        "<h2>Drift</h2>",
        _plots(_drift_over_time(facts)),
        _drift(facts),
        _plan(facts),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{name}: report</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _plots(plots: Iterable[str]) -> str:
    inner = "".join(plots)
    return f'<div class="plots">{inner}</div>' if inner else ""


def _table(heads: list[tuple[str, str]], rows: Iterable[Row]) -> str:
    """Return a table; a head is (column, title)."""
    titles = "".join(f"<th>{escape(title)}</th>" for _, title in heads)
    body = []
    for row in rows:
        cells = []
        for column, _ in heads:
            value = row.get(column)
            kind = "n" if isinstance(value, (int, float)) else str(value or "")
            cells.append(f'<td class="{escape(kind)}">{_text(value)}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and value > 1 else f"{value:.3f}"
    return escape(str(value).replace("_", " "))


def _versions(facts: Facts) -> str:
    heads = [("model_version", "version"), ("predictions", "predictions")]
    heads += [("first", "first"), ("last", "last")]
    return _table(heads, facts.versions)


def _figures(facts: Facts) -> str:
    heads = [("model_version", "version"), ("metric", "metric"), ("value", "value")]
    heads += [("lower", "from"), ("upper", "to"), ("n", "n")]
    heads += [("completeness", "labelled"), ("status", "status"), ("caveat", "caveat")]
    everyone = [row for row in facts.figures if not row["subgroup_key"]]
    return _table(heads, sorted(everyone, key=lambda row: row["metric"]))


def _scores(facts: Facts, positive: str) -> list[str]:
    """Return the ROC curve with its area, and the reliability diagram."""
    words = {positive.lower()} if positive else _POSITIVE
    rows = facts.labelled
    score = np.array([row["score"] for row in rows], dtype=float)
    sick = np.array([row["actual"] in words for row in rows], dtype=bool)
    area = auroc(score, sick)
    if area.value is None:
        return []
    false, true = roc_curve(score, sick)
    title = f"ROC: area {area.value:.3f} ({area.lower:.3f} to {area.upper:.3f})"
    plot = Plot(title, (0, 1), (0, 1), "1 - specificity", "sensitivity")
    grid = np.linspace(0, 1, 101)
    height = np.interp(grid, false, true)
    # the simultaneous band of Kolmogorov and Smirnov (Campbell 1994)
    reach = 1.358 * (1 / area.positives**0.5)
    lower, upper = np.clip(height - reach, 0, 1), np.clip(height + reach, 0, 1)
    plot.band(_zip(grid, lower), _zip(grid, upper), COLOURS[0])
    plot.line(_zip(false, true), COLOURS[0])
    plot.line([(0, 0), (1, 1)], COLOURS[5], dashed=True)
    found = [plot.svg()]
    bins = reliability(score, sick)
    if bins and score.min() >= 0 and score.max() <= 1:
        diagram = Plot("Reliability", (0, 1), (0, 1), "risk", "observed share")
        diagram.line([(0, 0), (1, 1)], COLOURS[5], dashed=True)
        for one in bins:
            diagram.bar(one.predicted, one.lower, one.upper, COLOURS[1])
            label = f"n = {one.n}"
            diagram.dot(one.predicted, one.observed, COLOURS[1], label)
        found.append(diagram.svg())
    return found


def _history(facts: Facts) -> list[str]:
    """Return estimated and realised performance over time, a plot a metric."""
    found = []
    for metric in ("diagnostic_accuracy", "auroc"):
        rows = [row for row in facts.history if row["metric"] == metric]
        said = [r for r in rows if r["value"] is not None and r["realised"] is None]
        came = [r for r in rows if r["realised"] is not None]
        refused = [r for r in rows if r["status"] == "refused"]
        if not rows:
            continue
        span, ticks = _times(rows)
        title = f"{metric.replace('_', ' ')}: estimated (line), realised (dots)"
        low = min([r["lower"] for r in said] + [r["realised"] for r in came] + [0.9])
        plot = Plot(title, span, (max(low - 0.05, 0), 1.0), "", "", ticks)
        plot.band(
            [(r["at"], r["lower"]) for r in said],
            [(r["at"], r["upper"]) for r in said],
            COLOURS[0],
        )
        plot.line([(r["at"], r["value"]) for r in said], COLOURS[0])
        for row in came:
            plot.dot(row["at"], row["realised"], COLOURS[1], "realised")
        for row in refused:
            label = f"refused: {row['reason']}"
            plot.dot(row["at"], plot.y[0], "#b3261e", label)
        found.append(plot.svg())
    return found


def _subgroups(facts: Facts) -> list[str]:
    found = []
    for metric in ("sensitivity", "specificity", "auroc"):
        rows = [
            (
                f"{row['subgroup_key']}: {row['subgroup_value']}".strip(": ")
                or "everyone",
                row["value"],
                row["lower"],
                row["upper"],
            )
            for row in facts.figures
            if row["metric"] == metric and row["value"] is not None
        ]
        if len(rows) > 1:
            found.append(forest(metric, sorted(rows)))
    return found


def _drift_over_time(facts: Facts) -> list[str]:
    rows = [row for row in facts.drift_history if row["statistic"] is not None]
    if not rows:
        return []
    span, ticks = _times(rows)
    most = max(row["statistic"] for row in rows)
    worst = {
        name: max(r["statistic"] for r in rows if r["feature"] == name)
        for name in {row["feature"] for row in rows}
    }
    chosen = sorted(worst, key=lambda name: -worst[name])[:5]
    title = "PSI by feature: " + ", ".join(chosen)
    plot = Plot(title, span, (0, max(most * 1.05, 0.3)), "", "PSI", ticks)
    plot.line([(span[0], 0.25), (span[1], 0.25)], COLOURS[5], dashed=True)
    for name, colour in zip(chosen, COLOURS, strict=False):
        plot.line(
            [(r["at"], r["statistic"]) for r in rows if r["feature"] == name], colour
        )
    return [plot.svg()]


def _drift(facts: Facts) -> str:
    heads = [("feature", "feature"), ("method", "method"), ("statistic", "statistic")]
    heads += [("p_adjusted", "p adjusted"), ("rows_reference", "reference")]
    heads += [("rows_current", "current"), ("status", "status")]
    order = sorted(facts.drift, key=lambda r: (r["status"] != "drift", r["feature"]))
    return _table(heads, order[:60])


def _plan(facts: Facts) -> str:
    if facts.plan is None:
        return ""
    title = escape(facts.plan["title"] or "the settings of the analysis")
    owner = escape(facts.plan["owner"] or "no owner named")
    version = escape(facts.plan["plan_version"])
    return f"<h2>Monitoring plan</h2><p>{title}; {owner}; version {version}</p>"


def _times(rows: list[Row]) -> tuple[tuple[float, float], list[tuple[float, str]]]:
    times = [row["at"] for row in rows]
    low, high = float(min(times)), float(max(times))
    high = high if high > low else low + 1
    form = "%H:%M:%S" if high - low < 86_400 else "%d %b"
    marks = [low + (high - low) * i / 4 for i in range(5)]
    utc = datetime.timezone.utc
    texts = [datetime.datetime.fromtimestamp(m, utc).strftime(form) for m in marks]
    return (low, high), list(zip(marks, texts, strict=True))


def _zip(x: Any, y: Any) -> list[tuple[float, float]]:
    return list(zip(np.asarray(x).tolist(), np.asarray(y).tolist(), strict=True))
