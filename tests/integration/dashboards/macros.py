"""What Grafana and its ClickHouse plugin do to a query before it is sent.

Version 4.20.0 of the plugin: macros of the back end and, before them, variables and
`$__conditionalAll` of the front end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from algovigil_dashboards import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ALL: Final = "$__all"
CLICKHOUSE: Final = tuple(n for n in NAMES if not n.startswith("prometheus"))
"""The dashboards that ask ClickHouse."""


@dataclass(frozen=True, slots=True)
class Range:
    """The time range of a dashboard, Unix seconds, and the width of a point."""

    start: int
    end: int
    interval: int


def opened(
    dashboard: dict[str, Any],
    when: Range,
    ask: Callable[[str], Sequence[Sequence[str]]],
) -> dict[str, list[str]]:
    """Return the variables of *dashboard* as it opens: All, or the first that there is.

    *ask* runs a query and returns its rows.
    """
    chosen: dict[str, list[str]] = {}
    for each in dashboard["templating"]["list"]:
        if each["type"] != "query":
            continue
        chosen[each["name"]] = [ALL]
        if not each["includeAll"]:
            rows = ask(expand(each["query"]["rawSql"], when, chosen))
            chosen[each["name"]] = [rows[0][0]]
    return chosen


class Unknown(ValueError):
    """A macro or variable that the plugin does not know."""


def expand(
    sql: str, when: Range, variables: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return *sql* as ClickHouse gets it.

    Raises:
        Unknown: a macro or variable is left that nobody would expand.
    """
    chosen = variables or {}
    sql = _calls(sql, "conditionalAll", lambda text: _conditional(text, chosen))
    for name, values in chosen.items():
        quoted = ",".join(_quoted(value) for value in values)
        sql = sql.replace(f"${{{name}:singlequote}}", quoted)
    start, end = f"toDateTime({when.start})", f"toDateTime({when.end})"
    seconds = when.interval
    macros = {
        "timeFilter": lambda c: f"{c} >= {start} AND {c} <= {end}",
        "timeInterval": lambda c: (
            f"toStartOfInterval(toDateTime({c}), INTERVAL {seconds} second)"
        ),
        "fromTime": lambda _: start,
        "toTime": lambda _: end,
    }
    for name, macro in macros.items():
        sql = _calls(sql, name, macro)
    sql = sql.replace("$__interval_s", str(seconds))
    sql = sql.replace("$__fromTime", start).replace("$__toTime", end)
    left = re.search(r"\$\{?\w+", sql)
    if left:
        raise Unknown(left[0])
    return sql


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _conditional(text: str, chosen: Mapping[str, Sequence[str]]) -> str:
    condition, _, variable = text.rpartition(",")
    name = variable.strip().lstrip("$").strip("{}")
    if name not in chosen:
        raise Unknown(variable.strip())
    return "1=1" if ALL in chosen[name] or not any(chosen[name]) else condition


def _calls(sql: str, name: str, macro: object) -> str:
    """Replace each call of `$__name(…)`, parentheses inside it included."""
    opening = f"$__{name}("
    while (at := sql.find(opening)) >= 0:
        depth, end = 1, at + len(opening)
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        inner = sql[at + len(opening) : end - 1]
        assert callable(macro)
        sql = sql[:at] + macro(inner) + sql[end:]
    return sql
