"""`algovigil instrument`: run a program watched, as `opentelemetry-instrument` does.

Invariant: our distro is the one that is used, whichever others are installed, and the
program replaces this process: its exit code and its signals are its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from algovigil.errors import ConfigError, explain

NAME = "instrument"
HELP = "Run a program with its models watched."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the program."""
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="-- PROGRAM [ARGUMENT ...]",
        help="the program, as you would start it",
    )
    parser.epilog = "example:\n  algovigil instrument -- uvicorn main:app\n"


def run(args: argparse.Namespace) -> int:
    """Replace this process by the program; return only by raising.

    Raises:
        ConfigError: no program is named, or there is none of that name.
    """
    words = args.program[1:] if args.program[:1] == ["--"] else args.program
    if not words or shutil.which(words[0]) is None:
        found = f"the program `{words[0]}`" if words else "no program"
        raise ConfigError(
            explain(
                found,
                "an executable file, or a name on PATH",
                "algovigil instrument -- python app.py",
            )
        )
    from opentelemetry.instrumentation import auto_instrumentation

    os.environ["OTEL_PYTHON_DISTRO"] = "algovigil"
    os.environ["OTEL_PYTHON_CONFIGURATOR"] = "algovigil"
    sys.argv = ["opentelemetry-instrument", *words]
    auto_instrumentation.run()
    return 0
