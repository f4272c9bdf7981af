"""`algovigil report`: one model on one page, in the terminal or as HTML."""

from __future__ import annotations

import datetime
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from algovigil.config import Processor
from algovigil.errors import ConfigError, Unavailable, explain

if TYPE_CHECKING:
    import argparse

    from algovigil_processor.report.read import Facts

NAME = "report"
HELP = "Show what was found of one model: performance, subgroups, drift, estimates."

_EXAMPLES = """examples:
  algovigil report wdbc
  algovigil report wdbc --since 7d --html report.html
  algovigil report wdbc --json | jq '.figures[] | select(.metric == "sensitivity")'

A token is taken from ALGOVIGIL_TOKEN.
"""
_SPAN = re.compile(r"(\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the model, the span and the form."""
    parser.add_argument("model", metavar="MODEL", help="name of the model")
    parser.add_argument(
        "--since",
        metavar="T",
        default="30d",
        help="a span back from now (30d, 12h) or a UTC time (default: %(default)s)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--html", metavar="F", help="write one self-contained page to F")
    how.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--positive", default="", help="the label that counts as disease"
    )
    parser.add_argument(
        "--api",
        metavar="URL",
        default=Processor().api,
        help="the processor's API (default: %(default)s)",
    )
    parser.epilog = _EXAMPLES


def run(args: argparse.Namespace) -> int:
    """Print or write the report; 1 when nothing is known of the model.

    Raises:
        Unavailable: no processor answers.
        ConfigError: `--since` cannot be read, or the page cannot be written.
    """
    from algovigil_processor.report.page import page
    from algovigil_processor.report.read import facts

    now = datetime.datetime.now(datetime.timezone.utc)
    found = facts(_asker(args.api), args.model, since_of(args.since, now))
    if not found.versions:
        print(f"algovigil: no prediction of {args.model} is known", file=sys.stderr)
        return 1
    if args.html:
        _write(Path(args.html), page(found, args.positive))
        print(args.html)
    elif args.json:
        json.dump(found.as_dict(), sys.stdout, indent=2, default=str)
        print()
    else:
        _show(found)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(
            explain(f"{path} cannot be written: {error.strerror}", "a file of yours")
        ) from None


def since_of(text: str, now: datetime.datetime) -> str:
    """Return *text*, a span back from *now* or a time, as ClickHouse reads it."""
    span = _SPAN.fullmatch(text.strip())
    try:
        if span:
            seconds = int(span[1]) * _SECONDS[span[2]]
            moment = now - datetime.timedelta(seconds=seconds)
        else:
            moment = datetime.datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise ConfigError(
            explain(f"--since {text}", "a span like 30d, or a time like 2026-11-01")
        ) from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _asker(api: str) -> Any:
    import httpx

    token = os.environ.get("ALGOVIGIL_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(sql: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
        body = {"sql": sql, "format": "JSONEachRow", "parameters": parameters}
        try:
            # a proxy is not asked for a processor of our own
            with httpx.Client(trust_env=False, timeout=120) as client:
                reply = client.post(
                    f"{api.rstrip('/')}/api/v1/query", json=body, headers=headers
                )
        except httpx.HTTPError as error:
            raise Unavailable(
                explain(
                    f"nothing that answers at {api} ({type(error).__name__})",
                    "a processor that runs",
                    "start it with `algovigil serve`, or say where it is with --api",
                )
            ) from None
        if reply.status_code != 200:
            raise Unavailable(
                explain(f"status {reply.status_code} from {api}", "the processor's API")
            )
        return [json.loads(line) for line in reply.text.splitlines() if line]

    return ask


def _show(found: Facts) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]{found.model}[/bold] since {found.since} UTC")
    table = Table("version", "metric", "value", "95 %", "n", "labelled", "status")
    for row in sorted(found.figures, key=lambda r: r["metric"]):
        if not row["subgroup_key"]:
            table.add_row(*_cells(row))
    console.print(table)
    for row in found.estimates:
        if row["metric"] == "diagnostic_accuracy":
            state = row["reason"] or row["status"]
            value = "" if row["value"] is None else f"{row['value']:.3f}"
            console.print(f"accuracy estimated without labels: {value} ({state})")
    drifted = sorted({r["feature"] for r in found.drift if r["status"] == "drift"})
    named = ", ".join(name for name in drifted if name)
    console.print(f"drift: {named or 'none'}")
    if found.plan is not None:
        console.print(f"monitoring plan: version {found.plan['plan_version']}")


def _cells(row: dict[str, Any]) -> list[str]:
    def text(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    interval = f"{text(row['lower'])} to {text(row['upper'])}"
    return [
        row["model_version"],
        row["metric"],
        text(row["value"]),
        interval if row["lower"] is not None else "",
        str(row["n"]),
        text(row["completeness"]),
        row["status"] + (f" ({row['caveat']})" if row["caveat"] else ""),
    ]
