"""`algovigil alerts list`: what is wrong now, and who takes care of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from algovigil_processor.commands.api import add_api, ask

if TYPE_CHECKING:
    import argparse

HELP = "List the alerts that are pending or firing, the oldest first."
EXAMPLES = """examples:
  algovigil alerts list
  algovigil alerts list --json | jq '.[] | select(.status == "firing")'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how they are printed."""
    parser.add_argument("--json", action="store_true", help="for machines")
    add_api(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, and print.

    Raises:
        Unavailable: no processor answers.
    """
    alerts = ask(args.api, "GET", "alerts")
    if args.json:
        print(json.dumps(alerts))
        return 0
    for alert in alerts:
        print(_line(alert))
    if not alerts:
        print("nothing is pending or firing")
    return 0


def _line(alert: dict[str, Any]) -> str:
    who = [alert[key] for key in ("model", "version", "site", "subgroup")]
    line = (
        f"{alert['incident_id']}  {alert['status']:<12} {alert['severity']:<8} "
        f"{alert['rule']} on {' '.join(filter(None, who))}, since {alert['since']}"
    )
    if alert["acknowledged_by"]:
        line += f"; {alert['acknowledged_by']} until {alert['acknowledged_until']}"
    if alert["level"]:
        line += f"; escalated to level {alert['level']}"
    for mute in alert["muted_by"]:
        line += f"; muted by {mute['kind']} {mute['name']}"
    return line
