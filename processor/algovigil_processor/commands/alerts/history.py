"""`algovigil alerts history`: the incidents that fired, the newest first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from algovigil_processor.commands.api import add_api, ask

if TYPE_CHECKING:
    import argparse

HELP = "List incidents that fired, the newest first, and how each ended."
EXAMPLES = """examples:
  algovigil alerts history
  algovigil alerts history --limit 1000 --json > incidents.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how many, and how they are printed."""
    parser.add_argument("--limit", type=int, default=20, help="how many (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for machines")
    add_api(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, and print.

    Raises:
        Unavailable: no processor answers.
    """
    found = ask(args.api, "GET", "alerts/history", params={"limit": args.limit})
    if args.json:
        print(json.dumps(found))
        return 0
    for one in found:
        who = [one[key] for key in ("model", "version", "site", "subgroup")]
        end = f"to {one['resolved']} ({one['ending']})" if one["resolved"] else "fires"
        print(
            f"{one['incident_id']}  {one['severity']:<8} {one['rule']} on "
            f"{' '.join(filter(None, who))}: {one['fired']} {end}"
        )
    if not found:
        print("nothing fired")
    return 0
