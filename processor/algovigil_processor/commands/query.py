"""`algovigil query`: one statement over the API of the processor that runs.

Only one process may open the embedded database, so the command line asks that one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from algovigil.errors import Unavailable, explain
from algovigil_processor.commands.api import add_api, reached

if TYPE_CHECKING:
    import argparse

    import httpx

NAME = "query"
HELP = "Run a reading SQL statement in the processor that runs."

_TIMEOUT_SECONDS = 120.0  # over the session's own limit, which then says why
_EXAMPLES = """examples:
  algovigil query "SELECT model_name, count() FROM inferences GROUP BY model_name"
  algovigil query --json "SELECT * FROM drift_findings ORDER BY timestamp DESC LIMIT 5"
  algovigil query --format CSVWithNames "SHOW TABLES" > tables.csv

A token is taken from ALGOVIGIL_TOKEN.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the statement, its format and where the API is."""
    parser.add_argument("sql", metavar="SQL", help="the statement")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--format",
        metavar="F",
        default="PrettyCompact",
        help="any output format of ClickHouse (default: %(default)s)",
    )
    how.add_argument(
        "--json",
        dest="format",
        action="store_const",
        const="JSONEachRow",
        help="one JSON object a row",
    )
    add_api(parser)
    parser.epilog = _EXAMPLES


def run(args: argparse.Namespace) -> int:
    """Print the result to standard output.

    Raises:
        Unavailable: no processor answers, or what answers is not one.
        ConfigError: the URL is none.
    """
    url = f"{args.api.rstrip('/')}/api/v1/query"
    content = {"sql": args.sql, "format": args.format}
    with (
        reached(args.api, _TIMEOUT_SECONDS) as client,
        client.stream("POST", url, json=content) as response,
    ):
        if response.status_code != 200 or "x-clickhouse-format" not in response.headers:
            return _complain(response, args.api)
        for chunk in response.iter_bytes():
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    return 0


def _complain(response: httpx.Response, api: str) -> int:
    """Print why the processor refused; raise when it was not the processor."""
    response.read()
    try:
        message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        raise Unavailable(
            explain(
                f"status {response.status_code} from {api}",
                "the API of a processor",
                "say where it is with --api",
            )
        ) from None
    print(f"algovigil: {message}", file=sys.stderr)
    return 1
