"""`algovigil alerts ack`: take an alert on, so that it does not escalate."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from algovigil_processor.commands.api import add_api, ask

if TYPE_CHECKING:
    import argparse

HELP = "Take an alert on for a while, or give it back."
EXAMPLES = """examples:
  algovigil alerts ack 0f3c...   as you, for as long as is configured
  algovigil alerts ack 0f3c... --minutes 30 --by anna
  algovigil alerts ack 0f3c... --undo

The id is that of `algovigil alerts list`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which alert, for how long, and who takes it."""
    parser.add_argument("incident", metavar="ID", help="the id of the incident")
    parser.add_argument("--by", metavar="NAME", default="", help="who (default: you)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--minutes", type=float, metavar="N", help="for how long")
    how.add_argument("--undo", action="store_true", help="give it back")
    add_api(parser)


def run(args: argparse.Namespace) -> int:
    """Tell the processor.

    Raises:
        Unavailable: no processor answers.
        ConfigError: no such alert fires, or for too long.
    """
    by = args.by or getpass.getuser()
    path = f"alerts/{args.incident}/acknowledge"
    if args.undo:
        ask(args.api, "DELETE", path, params={"by": by})
        print("given back: it is told again, and escalates on")
        return 0
    body = {"by": by, "minutes": args.minutes}
    taken = ask(args.api, "POST", path, body=body)
    print(f"acknowledged by {by} until {taken['until']}")
    return 0
