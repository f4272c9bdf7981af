"""`algovigil schema`: the tables of a ClickHouse cluster, for a person to make."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NAME = "schema"
HELP = "Print the schema for a ClickHouse cluster."
_EPILOG = """\
A processor makes its tables by itself, embedded or on one server. On a cluster somebody
who knows it applies this: replicated tables on each shard, distributed ones over them.
It is made from the same migrations; it has been parsed, not run.

example:
  algovigil schema --cluster hospital > schema.sql
  clickhouse-client --queries-file schema.sql
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the cluster."""
    parser.add_argument(
        "--cluster", metavar="NAME", required=True, help="its name in system.clusters"
    )
    parser.add_argument(
        "--database", metavar="DB", default="otel", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--rollup-seconds",
        metavar="N",
        type=int,
        default=60,
        help="storage.rollup_seconds of the processors (default: %(default)s)",
    )
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Print it.

    Raises:
        StartError: a name is none.
    """
    from algovigil_processor.store.cluster import schema

    for statement in schema(
        args.cluster, database=args.database, rollup_seconds=args.rollup_seconds
    ):
        sys.stdout.write(f"{statement};\n\n")
    return 0
