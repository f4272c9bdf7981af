"""`algovigil check`: say whether a configuration file can be obeyed, before it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from algovigil.config import MonitoringConfig

if TYPE_CHECKING:
    import argparse

NAME = "check"
HELP = "Check a configuration file."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file."""
    parser.add_argument("file", metavar="FILE", help="a monitoring_config.yaml")
    parser.epilog = "example:\n  algovigil check monitoring_config.yaml\n"


def run(args: argparse.Namespace) -> int:
    """Load the file; what is wrong is raised.

    Raises:
        ConfigError: the file cannot be obeyed.
    """
    MonitoringConfig.load(args.file)
    print(f"{args.file}: every setting is known")
    return 0
