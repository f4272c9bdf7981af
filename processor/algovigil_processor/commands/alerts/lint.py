"""`algovigil alerts lint`: what is wrong with rules, and what is only doubtful."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from algovigil.config import MonitoringConfig
from algovigil_processor.alert.rulebook import Rulebook
from algovigil_processor.alert.rules.lint import doubts

if TYPE_CHECKING:
    import argparse

HELP = "Check the rules of a configuration file."
EXAMPLES = """examples:
  algovigil alerts lint monitoring_config.yaml
  algovigil alerts lint --strict monitoring_config.yaml   # doubts fail too

exit codes: 0 in order, 1 doubtful and --strict, 2 a rule that cannot be obeyed
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file."""
    parser.add_argument("file", metavar="FILE", help="a monitoring_config.yaml")
    parser.add_argument("--strict", action="store_true", help="let doubts fail")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Print the doubts; what cannot be obeyed is raised.

    Raises:
        ConfigError: a rule cannot be obeyed.
    """
    config = MonitoringConfig.load(args.file)
    rules = Rulebook(config).fixed
    found = [(r.name, doubt) for r in rules for doubt in doubts(r, config.alerts)]
    if args.json:
        print(json.dumps([{"rule": name, "doubt": doubt} for name, doubt in found]))
    else:
        for name, doubt in found:
            print(f"{name}: {doubt}")
        print(f"{len(rules)} rules can be obeyed; {len(found)} doubts")
    return 1 if found and args.strict else 0
