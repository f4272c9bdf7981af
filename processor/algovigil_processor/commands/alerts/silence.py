"""`algovigil alerts silence`: keep alerts from being told for a while."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING

from algovigil.errors import ConfigError, explain
from algovigil_processor.commands.api import add_api, ask

if TYPE_CHECKING:
    import argparse

HELP = "Silence alerts for a while, list the silences, or end one."
EXAMPLES = """examples:
  algovigil alerts silence 'model="wdbc"' 'severity!="critical"' --minutes 90 \\
      --comment "retraining"
  algovigil alerts silence              lists what is silenced
  algovigil alerts silence --end 51ab...

Matchers are label="value" with = != =~ !~; labels are rule, severity, model, version,
site and subgroup. What a silence hides goes on firing, and is told when it ends.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what, for how long, who and why."""
    parser.add_argument("matchers", metavar="MATCHER", nargs="*", help="which alerts")
    parser.add_argument("--minutes", type=float, metavar="N", help="for how long")
    parser.add_argument("--comment", metavar="TEXT", default="", help="why")
    parser.add_argument("--by", metavar="NAME", default="", help="who (default: you)")
    parser.add_argument("--end", metavar="ID", help="end this silence")
    parser.add_argument("--json", action="store_true", help="for machines")
    add_api(parser)


def run(args: argparse.Namespace) -> int:
    """Ask or tell the processor.

    Raises:
        Unavailable: no processor answers.
        ConfigError: something is missing, or refused.
    """
    by = args.by or getpass.getuser()
    if args.end:
        ask(args.api, "DELETE", f"silences/{args.end}", params={"by": by})
        print("ended")
        return 0
    if not args.matchers:
        return _list(args)
    if args.minutes is None or not args.comment:
        raise ConfigError(
            explain("no --minutes or no --comment", "for how long, and why")
        )
    body = {
        "matchers": args.matchers,
        "by": by,
        "comment": args.comment,
        "minutes": args.minutes,
    }
    made = ask(args.api, "POST", "silences", body=body)
    print(json.dumps(made) if args.json else f"{made['silence_id']}  {made['ends']}")
    return 0


def _list(args: argparse.Namespace) -> int:
    silences = ask(args.api, "GET", "silences")
    if args.json:
        print(json.dumps(silences))
        return 0
    for one in silences:
        print(
            f"{one['silence_id']}  until {one['ends']}  mutes {one['muted']}  "
            f"{' '.join(one['matchers'])}  {one['author']}: {one['comment']}"
        )
    if not silences:
        print("nothing is silenced")
    return 0
