"""A dashboard: variables, annotations, and panels laid out on the grid."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from algovigil_dashboards.panels import CLICKHOUSE, PROMETHEUS, WIDTH, Sql

if TYPE_CHECKING:
    from algovigil_dashboards.panels import Json, Panel

SCHEMA_VERSION: Final = 42
TAGS: Final = ("algovigil", "medical-ai")


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above the panels, filled by a query.

    All is the default, or with `single` the first: one thing at a time can be chosen.
    """

    name: str
    label: str
    query: str
    datasource: str = CLICKHOUSE
    single: bool = False

    def to_json(self) -> Json:
        """Return the variable."""
        source = {"type": self.datasource, "uid": "${datasource}"}
        query: str | Json = self.query
        if self.datasource == CLICKHOUSE:
            query = {
                "refId": "v",
                "queryType": "sql",
                "editorType": "sql",
                "rawSql": self.query,
            }
        return {
            "type": "query",
            "name": self.name,
            "label": self.label,
            "datasource": source,
            "definition": self.query,
            "query": query,
            "refresh": 2,
            "sort": 1,
            "multi": not self.single,
            "includeAll": not self.single,
            "allValue": ".*" if self.datasource == PROMETHEUS else None,
            "current": {}
            if self.single
            else {"selected": True, "text": ["All"], "value": ["$__all"]},
        }


@dataclass(frozen=True, slots=True)
class Annotation:
    """Marks on the time axis: columns `time`, `text`, `tags`."""

    name: str
    color: str
    sql: str

    def to_json(self) -> Json:
        """Return the annotation."""
        return {
            "name": self.name,
            "datasource": {"type": CLICKHOUSE, "uid": "${datasource}"},
            "enable": True,
            "hide": False,
            "iconColor": self.color,
            "target": Sql(self.sql, series=False).to_json("Anno"),
        }


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One file of Grafana."""

    uid: str
    title: str
    description: str
    panels: tuple[Panel, ...]
    variables: tuple[Variable, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    datasource: str = CLICKHOUSE
    span: str = "now-24h"
    """Where the time range begins when the dashboard opens."""

    def to_json(self) -> Json:
        """Return the classic model."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": list(TAGS),
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "utc",
            "refresh": "30s",
            "time": {"from": self.span, "to": "now"},
            "links": [
                {
                    "type": "dashboards",
                    "title": "Algovigil",
                    "tags": [TAGS[0]],
                    "asDropdown": True,
                    "includeVars": True,
                    "keepTime": True,
                }
            ],
            "annotations": {"list": [each.to_json() for each in self.annotations]},
            "templating": {
                "list": [
                    _datasource(self.datasource),
                    *(each.to_json() for each in self.variables),
                ]
            },
            "panels": _laid_out(self.panels),
        }

    def text(self) -> str:
        """Return the file."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"


def _datasource(kind: str) -> Json:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": kind,
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "current": {},
    }


def _laid_out(panels: tuple[Panel, ...]) -> list[Json]:
    """Return *panels* from left to right, line by line, as they are given."""
    placed: list[Json] = []
    x = y = tallest = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        placed.append(panel.to_json(number, x, y))
        x += panel.width
        tallest = max(tallest, panel.height)
    return placed
