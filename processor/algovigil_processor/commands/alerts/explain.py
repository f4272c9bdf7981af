"""`algovigil alerts explain`: what a rule reads, and what it comes to right now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from algovigil_processor.commands.api import add_api, ask

if TYPE_CHECKING:
    import argparse

HELP = "Say what a rule reads and comes to now, in the processor that runs."
EXAMPLES = """examples:
  algovigil alerts explain "High Latency P95"
  algovigil alerts explain --condition "error_rate by site over 1h > 5%"
  algovigil alerts explain --sql "High Latency P95"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which rule, and how it is printed."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("rule", nargs="?", metavar="RULE", help="the name of a rule")
    what.add_argument("--condition", metavar="TEXT", help="a condition to try out")
    parser.add_argument("--sql", action="store_true", help="print the statements too")
    parser.add_argument("--json", action="store_true", help="for machines")
    add_api(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, and print.

    Raises:
        Unavailable: no processor answers.
        ConfigError: there is no such rule, or the condition cannot be obeyed.
    """
    if args.rule is not None:
        path = f"rules/{quote(args.rule, safe='')}/explain"
        found = ask(args.api, "GET", path)
    else:
        body = {"condition": args.condition}
        found = ask(args.api, "POST", "rules/explain", body=body)
    if args.json:
        print(json.dumps(found))
        return 0
    for line in _lines(found, with_sql=args.sql):
        print(line)
    return 0


def _lines(found: dict[str, Any], *, with_sql: bool) -> list[str]:
    lines = [f"condition  {found['condition']}", f"judged as  {found['judged']}", ""]
    for read in found["reads"]:
        back = f", {read['offset']} s ago" if read["offset"] else ""
        metrics = ", ".join(read["metrics"])
        lines.append(f"reads {metrics} from {read['source']}: {read['window']} s{back}")
        if with_sql:
            lines += ["    " + line for line in read["sql"].splitlines()]
    lines.append("")
    if not found["outcomes"]:
        lines.append("no model to judge: none was called within a day")
    for one in found["outcomes"]:
        who = [one[key] for key in ("model", "version", "site", "subgroup")]
        why = f" ({one['reason']})" if one["reason"] else ""
        lines.append(f"{' '.join(filter(None, who))}: {one['result']}{why}")
        lines += [f"    {term} = {_figure(v)}" for term, v in one["values"].items()]
    return lines


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.6g}"
