"""Panels of Grafana's classic dashboards, as values.

The JSON is that of schema version 42 and of version 4.20.0 of the ClickHouse data
source (`editorType: sql`; format 0 is a time series, 1 a table).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal[
    "bargauge", "piechart", "row", "stat", "status-history", "table", "timeseries"
]

WIDTH: Final = 24
"""Columns of the grid."""
NO_VALUE: Final = "insufficient data"
"""What a panel shows where others show an empty line."""

CLICKHOUSE: Final = "grafana-clickhouse-datasource"
PROMETHEUS: Final = "prometheus"

GREEN: Final = "green"
YELLOW: Final = "yellow"
RED: Final = "red"
BLUE: Final = "blue"
GREY: Final = "text"


@dataclass(frozen=True, slots=True)
class Sql:
    """A query of the ClickHouse data source.

    `series` wants a column `time`, ascending, labels as strings, then numbers.
    """

    sql: str
    series: bool = True

    def to_json(self, ref: str) -> Json:
        """Return the target *ref*."""
        return {
            "refId": ref,
            "datasource": {"type": CLICKHOUSE, "uid": "${datasource}"},
            "editorType": "sql",
            "format": 0 if self.series else 1,
            "queryType": "timeseries" if self.series else "table",
            "pluginVersion": "4.20.0",
            "rawSql": self.sql.strip(),
        }


@dataclass(frozen=True, slots=True)
class PromQl:
    """A query of the Prometheus data source; `legend` names its series."""

    expr: str
    legend: str = "__auto"
    instant: bool = False

    def to_json(self, ref: str) -> Json:
        """Return the target *ref*."""
        return {
            "refId": ref,
            "datasource": {"type": PROMETHEUS, "uid": "${datasource}"},
            "expr": self.expr,
            "legendFormat": self.legend,
            "instant": self.instant,
            "range": not self.instant,
        }


@dataclass(frozen=True, slots=True)
class Threshold:
    """From *value* on the colour is *color*; None is the lowest step."""

    value: float | None
    color: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; its place comes from `layout`."""

    kind: Kind
    title: str
    queries: tuple[Sql | PromQl, ...] = ()
    description: str = ""
    width: int = 8
    height: int = 7
    unit: str = ""
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    thresholds: tuple[Threshold, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    """Texts and their colours: value mappings of status panels and tables."""
    overrides: tuple[Json, ...] = ()
    options: Json = field(default_factory=dict)
    custom: Json = field(default_factory=dict)

    def to_json(self, number: int, x: int, y: int) -> Json:
        """Return the panel with id *number* at column *x*, line *y*."""
        place = {"h": self.height, "w": self.width, "x": x, "y": y}
        head: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "gridPos": place,
        }
        if self.kind == "row":
            return {**head, "collapsed": False, "panels": []}
        return {
            **head,
            "description": self.description,
            "datasource": {"type": self._datasource(), "uid": "${datasource}"},
            "fieldConfig": {
                "defaults": self._defaults(),
                "overrides": list(self.overrides),
            },
            "options": {**_OPTIONS[self.kind], **self.options},
            "targets": [
                query.to_json("ABCDEF"[i]) for i, query in enumerate(self.queries)
            ],
        }

    def _datasource(self) -> str:
        is_sql = all(isinstance(query, Sql) for query in self.queries)
        return CLICKHOUSE if is_sql else PROMETHEUS

    def _defaults(self) -> Json:
        steps = self.thresholds or (Threshold(None, GREEN),)
        defaults: Json = {
            "noValue": NO_VALUE,
            "custom": {**_CUSTOM.get(self.kind, {}), **self.custom},
            "color": {
                "mode": "thresholds"
                if self.kind in ("stat", "bargauge", "status-history")
                else "palette-classic"
            },
            "thresholds": {
                "mode": "absolute",
                "steps": [{"value": s.value, "color": s.color} for s in steps],
            },
            "mappings": _mappings(self.words),
        }
        optional = {
            "unit": self.unit or None,
            "decimals": self.decimals,
            "min": self.low,
            "max": self.high,
        }
        return defaults | {k: v for k, v in optional.items() if v is not None}


def _mappings(words: tuple[tuple[str, str], ...]) -> list[Json]:
    if not words:
        return []
    options = {
        text: {"text": text.replace("_", " "), "color": color, "index": index}
        for index, (text, color) in enumerate(words)
    }
    return [{"type": "value", "options": options}]


_OPTIONS: Final[dict[str, Json]] = {
    "bargauge": {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "values": True, "fields": ""},
    },
    "piechart": {
        "pieType": "donut",
        "legend": {"displayMode": "list", "placement": "right", "showLegend": True},
        "reduceOptions": {"calcs": ["sum"], "values": True, "fields": ""},
    },
    "stat": {
        "colorMode": "background",
        "graphMode": "none",
        "textMode": "auto",
        "justifyMode": "center",
        "reduceOptions": {"calcs": ["lastNotNull"], "values": False, "fields": ""},
    },
    "status-history": {
        "showValue": "never",
        "rowHeight": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single"},
    },
    "table": {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}},
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
}
_CUSTOM: Final[dict[str, Json]] = {
    "timeseries": {
        "drawStyle": "line",
        "lineWidth": 2,
        "fillOpacity": 8,
        "showPoints": "auto",
        "spanNulls": False,
        "thresholdsStyle": {"mode": "off"},
    },
    "status-history": {"fillOpacity": 80, "lineWidth": 1},
    "table": {"align": "auto", "inspect": False},
}


def row(title: str) -> Panel:
    """Return a heading over the panels that follow."""
    return Panel("row", title, width=WIDTH, height=1)


def series(title: str, *queries: Sql | PromQl, **settings: Any) -> Panel:
    """Return a graph over time."""
    return Panel("timeseries", title, queries, **settings)


def stat(title: str, query: Sql | PromQl, **settings: Any) -> Panel:
    """Return one large number."""
    return replace(Panel("stat", title, (query,), width=4, height=4), **settings)


def table(title: str, query: Sql | PromQl, **settings: Any) -> Panel:
    """Return rows."""
    if isinstance(query, Sql):
        query = replace(query, series=False)
    return Panel("table", title, (query,), **settings)


def history(title: str, query: Sql, **settings: Any) -> Panel:
    """Return states over time, a line each."""
    return Panel("status-history", title, (query,), **settings)


def bars(title: str, query: Sql | PromQl, **settings: Any) -> Panel:
    """Return a bar for each row."""
    if isinstance(query, Sql):
        query = replace(query, series=False)
    return Panel("bargauge", title, (query,), **settings)


def band(lower: str, upper: str) -> tuple[Json, ...]:
    """Return overrides that fill between the fields *lower* and *upper*."""
    thin = [
        {"id": "custom.lineWidth", "value": 0},
        {"id": "custom.showPoints", "value": "never"},
        {"id": "custom.fillOpacity", "value": 0},
    ]
    fill = [
        {"id": "custom.fillBelowTo", "value": lower},
        {"id": "custom.lineWidth", "value": 0},
        {"id": "custom.showPoints", "value": "never"},
        {"id": "custom.fillOpacity", "value": 15},
    ]
    return (
        {"matcher": {"id": "byName", "options": lower}, "properties": thin},
        {"matcher": {"id": "byName", "options": upper}, "properties": fill},
    )


def unit(name: str, unit: str, decimals: int | None = None) -> Json:
    """Return the override that gives the field *name* its unit."""
    properties: list[Json] = [{"id": "unit", "value": unit}]
    if decimals is not None:
        properties.append({"id": "decimals", "value": decimals})
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def colored(name: str) -> Json:
    """Return the override that paints cells of the column *name* by their mapping."""
    cell = {"type": "color-background", "mode": "basic"}
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "custom.cellOptions", "value": cell}],
    }
