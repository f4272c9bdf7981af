"""`algovigil alerts VERB`: a module for each verb, imported when it is asked for."""

from __future__ import annotations

import argparse
import importlib
from typing import Final, Protocol, cast

NAME = "alerts"
HELP = "Work with alerts and their rules: list, ack, silence, explain, test them."

VERBS: Final = (
    "list",
    "ack",
    "silence",
    "resolve",
    "history",
    "explain",
    "lint",
    "test",
)
"""Each is a module of this package with HELP, EXAMPLES, add_arguments and run."""

_EXAMPLES = """examples:
  algovigil alerts list
  algovigil alerts ack 0f3c... --minutes 30
  algovigil alerts lint monitoring_config.yaml
  algovigil alerts test rules_test.yaml
  algovigil alerts explain "High Latency P95"
"""


class Verb(Protocol):
    """The shape of a verb's module."""

    HELP: str
    EXAMPLES: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do the work and return the exit code."""
        ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs."""
    verbs = parser.add_subparsers(
        title="verbs", metavar="VERB", dest="verb", required=True
    )
    for name in VERBS:
        verb = _verb(name)
        one = verbs.add_parser(
            name,
            help=verb.HELP,
            description=verb.HELP,
            epilog=verb.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.add_arguments(one)
    parser.epilog = _EXAMPLES


def run(args: argparse.Namespace) -> int:
    """Run the verb."""
    return _verb(args.verb).run(args)


def _verb(name: str) -> Verb:
    return cast("Verb", importlib.import_module(f"{__name__}.{name}"))
