"""A dashboard as one HTML page, from its panels and what their queries answered.

Not Grafana: enough of it to see what a person would see, laid out on the same grid,
with the thresholds, units and mappings of the panels themselves.
"""

from __future__ import annotations

import datetime
import html
import itertools
import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CELL: Final = 38  # pixels of a line of the grid
_COLORS: Final = {
    "green": "#2c8a3d",
    "yellow": "#d9a400",
    "red": "#c4162a",
    "blue": "#2f6fd0",
    "orange": "#e07a10",
    "text": "#8a8f98",
}
_LINES: Final = ("#2f6fd0", "#e07a10", "#2c8a3d", "#8e44ad", "#c4162a", "#16a085")

Result = tuple[tuple[str, ...], list[tuple[Any, ...]]]


def page(dashboard: Mapping[str, Any], results: Mapping[int, list[Result]]) -> str:
    """Return the page of *dashboard*; *results* are answers by panel id."""
    panels = "".join(
        _panel(panel, results.get(panel["id"], [])) for panel in dashboard["panels"]
    )
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in dashboard["panels"])
    return f"""<!doctype html><meta charset="utf-8"><style>
body {{ font: 12px sans-serif; margin: 8px; background: #f4f5f7; width: 1400px }}
.grid {{ display: grid; grid-template-columns: repeat(24, 1fr); gap: 6px;
  grid-template-rows: repeat({height}, {CELL}px) }}
.p {{ background: #fff; border: 1px solid #d8dbe0; padding: 4px; overflow: hidden }}
.row {{ font-weight: bold; font-size: 14px; padding-top: 12px }}
.t {{ font-weight: bold; margin-bottom: 2px }}
.stat {{ font-size: 26px; color: #fff; text-align: center; padding: 18px 4px;
  border-radius: 3px }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ text-align: left; padding: 1px 5px; white-space: nowrap; max-width: 190px;
  overflow: hidden; text-overflow: ellipsis }}
svg {{ width: 100%; height: 78% }} .none {{ color: #8a8f98; padding: 16px }}
.legend span {{ margin-right: 8px }}
</style><h2>{html.escape(dashboard["title"])}</h2>
<p>{html.escape(dashboard["description"])}</p><div class="grid">{panels}</div>"""


def _panel(panel: Mapping[str, Any], results: Sequence[Result]) -> str:
    place = panel["gridPos"]
    style = (
        f"grid-column: {place['x'] + 1} / span {place['w']};"
        f"grid-row: {place['y'] + 1} / span {place['h']}"
    )
    title = html.escape(panel["title"])
    if panel["type"] == "row":
        return f'<div class="row" style="{style}">{title}</div>'
    draw = {
        "stat": _stat,
        "table": _table,
        "timeseries": _lines,
        "status-history": _history,
    }[panel["type"]]
    has_rows = any(rows for _, rows in results)
    defaults = panel["fieldConfig"]["defaults"]
    body = (
        draw(panel, results)
        if has_rows
        else f'<div class="none">{defaults["noValue"]}</div>'
    )
    return f'<div class="p" style="{style}"><div class="t">{title}</div>{body}</div>'


def shown(value: Any, unit: str, decimals: int | None = None) -> str:
    """Return *value* in *unit* as a panel shows it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, datetime.datetime):
        return f"{value:%H:%M:%S}"
    if not isinstance(value, (int, float)):
        return str(value)
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f} %"
    text = f"{value:.{decimals}f}" if decimals is not None else f"{value:.4g}"
    return f"{text} {unit}" if unit in ("ms", "s", "bytes") else text


def _color(value: Any, defaults: Mapping[str, Any]) -> str:
    for mapping in defaults.get("mappings", ()):
        if value in mapping["options"]:
            return _COLORS[mapping["options"][value]["color"]]
    chosen = "text"
    if isinstance(value, (int, float)):
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is None or value >= step["value"]:
                chosen = step["color"]
    return _COLORS[chosen]


def _stat(panel: Mapping[str, Any], results: Sequence[Result]) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    value = results[0][1][-1][-1]
    text = shown(value, defaults.get("unit", ""), defaults.get("decimals"))
    color = _color(value, defaults)
    text = text or defaults["noValue"]
    return f'<div class="stat" style="background: {color}">{text}</div>'


def _table(panel: Mapping[str, Any], results: Sequence[Result]) -> str:
    names, rows = results[0]
    defaults = panel["fieldConfig"]["defaults"]
    units: dict[str, tuple[str, int | None]] = {}
    painted = set()
    for override in panel["fieldConfig"]["overrides"]:
        found = {p["id"]: p["value"] for p in override["properties"]}
        name = override["matcher"]["options"]
        if "unit" in found:
            units[name] = (found["unit"], found.get("decimals"))
        if "custom.cellOptions" in found:
            painted.add(name)
    lines = []
    for row in rows[: panel["gridPos"]["h"] * 2]:
        cells = []
        for name, value in zip(names, row, strict=True):
            style = (
                f' style="background: {_color(value, defaults)}; color: #fff"'
                if name in painted
                else ""
            )
            text = html.escape(shown(value, *units.get(name, ("", None))))
            cells.append(f"<td{style}>{text}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _series(results: Sequence[Result]) -> dict[str, list[tuple[float, Any]]]:
    """Return (time, value) by the name of the series, as LongToWide makes them."""
    found: dict[str, list[tuple[float, Any]]] = {}
    for names, rows in results:
        for row in rows:
            values = dict(zip(names, row, strict=True))
            label = str(values.pop("name", ""))
            time = values.pop("time").timestamp()
            for field, value in values.items():
                key = f"{label} {field}".strip() if label else field
                found.setdefault(key, []).append((time, value))
    return found


def _lines(panel: Mapping[str, Any], results: Sequence[Result]) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    drawn = _series(results)
    points = [p for each in drawn.values() for p in each if p[1] is not None]
    if not points:
        return f'<div class="none">{defaults["noValue"]}</div>'
    low = min(defaults.get("min", math.inf), min(float(v) for _, v in points))
    high = max(defaults.get("max", -math.inf), max(float(v) for _, v in points))
    start, end = min(t for t, _ in points), max(t for t, _ in points)

    def at(time: float, value: float) -> str:
        x = 40 + 350 * (time - start) / ((end - start) or 1)
        return f"{x:.1f},{120 - 110 * (value - low) / ((high - low) or 1):.1f}"

    out, legend = [], []
    for color, (name, line) in zip(
        itertools.cycle(_LINES), sorted(drawn.items()), strict=False
    ):
        path = " ".join(at(t, float(v)) for t, v in line if v is not None)
        dash = ' stroke-dasharray="3 3"' if name.endswith(("lower", "upper")) else ""
        out.append(
            f'<polyline points="{path}" fill="none" stroke="{color}"'
            f' stroke-width="1.6"{dash}/>'
        )
        legend.append(f'<span style="color: {color}">{html.escape(name)}</span>')
    unit = defaults.get("unit", "")
    marks = "".join(
        f'<text x="0" y="{y}" font-size="9">{shown(value, unit)}</text>'
        for value, y in ((high, 12), ((low + high) / 2, 65), (low, 120))
    )
    return (
        f'<svg viewBox="0 0 400 125" preserveAspectRatio="none">{marks}{"".join(out)}'
        f'</svg><div class="legend">{"".join(legend[:8])}</div>'
    )


def _history(panel: Mapping[str, Any], results: Sequence[Result]) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    drawn = _series(results)
    lines = []
    for name, line in sorted(drawn.items()):
        cells = "".join(
            f'<td style="background: {_color(value, defaults)}; height: 9px"></td>'
            for _, value in line[-60:]
        )
        lines.append(f"<tr><th>{html.escape(name)}</th>{cells}</tr>")
    return f"<table>{''.join(lines[: panel['gridPos']['h'] * 2])}</table>"
