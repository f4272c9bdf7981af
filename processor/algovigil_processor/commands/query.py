"""`algovigil query`: one statement over the API of the processor that runs.

Only one process may open the embedded database, so the command line asks that one.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from algovigil.config import Processor
from algovigil.errors import ConfigError, Unavailable, explain

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
    parser.add_argument(
        "--api",
        metavar="URL",
        default=Processor().api,
        help="the processor's API (default: %(default)s)",
    )
    parser.epilog = _EXAMPLES


def run(args: argparse.Namespace) -> int:
    """Print the result to standard output.

    Raises:
        Unavailable: no processor answers, or what answers is not one.
        ConfigError: the URL is none.
    """
    import httpx

    token = os.environ.get("ALGOVIGIL_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        # a proxy is not asked for a processor of our own
        with (
            httpx.Client(trust_env=False, timeout=_TIMEOUT_SECONDS) as client,
            client.stream(
                "POST",
                f"{args.api.rstrip('/')}/api/v1/query",
                json={"sql": args.sql, "format": args.format},
                headers=headers,
            ) as response,
        ):
            if (
                response.status_code != 200
                or "x-clickhouse-format" not in response.headers
            ):
                return _complain(response, args.api)
            for chunk in response.iter_bytes():
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise ConfigError(
            explain(f"--api {args.api}", "a URL like http://127.0.0.1:8080")
        ) from None
    except httpx.TransportError as error:
        raise Unavailable(
            explain(
                f"nothing that answers at {args.api} ({type(error).__name__})",
                "a processor that runs",
                "start it with `algovigil serve`, or say where it is with --api",
            )
        ) from None
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
