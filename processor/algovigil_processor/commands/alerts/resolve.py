"""`algovigil alerts resolve`: end an incident by hand."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from algovigil_processor.commands.api import add_api, ask

if TYPE_CHECKING:
    import argparse

HELP = "End an incident by hand; if its condition still holds, another begins."
EXAMPLES = """examples:
  algovigil alerts resolve 0f3c...

For an alert whose data will not come back: missing data never resolves one.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which incident, and who ends it."""
    parser.add_argument("incident", metavar="ID", help="the id of the incident")
    parser.add_argument("--by", metavar="NAME", default="", help="who (default: you)")
    add_api(parser)


def run(args: argparse.Namespace) -> int:
    """Tell the processor.

    Raises:
        Unavailable: no processor answers.
        ConfigError: no such incident is open.
    """
    body = {"by": args.by or getpass.getuser()}
    ask(args.api, "POST", f"alerts/{args.incident}/resolve", body=body)
    print("resolved by hand")
    return 0
