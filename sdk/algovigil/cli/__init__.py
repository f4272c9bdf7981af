"""The `algovigil` command: one frame, and a module for each command.

A command is a module with `NAME`, `HELP`, `add_arguments(parser)` and
`run(args) -> int`. The SDK's are listed here; the processor's are found by the
entry-point group `algovigil.commands`, so that the base install needs none of what they
import.

Only the command that is asked for is imported, except to print the list of all.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Final, Protocol, cast

from algovigil.errors import AlgovigilError, ConfigError, explain, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GROUP: Final = "algovigil.commands"
OWN: Final[Mapping[str, str]] = {
    "check": "algovigil.cli.check",
    "doctor": "algovigil.cli.doctor",
    "grafana": "algovigil.cli.grafana",
    "instrument": "algovigil.cli.instrument",
    "phi": "algovigil.cli.phi",
    "redact": "algovigil.cli.redact",
}

OK: Final = 0
FAULT: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

_EXIT_CODES: Final = """
exit codes:
  0    done
  1    a fault: the processor does not answer, a statement is refused
  2    usage, configuration, or a processor that cannot start; nothing was done
  130  interrupted
"""


class Command(Protocol):
    """The shape of a command's module."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments, and examples in `parser.epilog`."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do the work and return the exit code.

        Raises:
            AlgovigilError: its text is printed and its `exit_code` returned.
        """
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; *argv* None is the process's own. Return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args, command = _parse(words)
        return command.run(args) if command else OK
    except AlgovigilError as error:
        print(f"algovigil: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        print(f"algovigil: {_needs(error)}", file=sys.stderr)
        return USAGE
    except SystemExit as stop:  # argparse has printed why
        return stop.code if isinstance(stop.code, int) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read the output has enough; closing it at exit must not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT


def _parse(words: list[str]) -> tuple[argparse.Namespace, Command | None]:
    known = _known()
    name = next((word for word in words if not word.startswith("-")), "")
    if name and name not in known:
        raise ConfigError(
            explain(
                f"the command `{name}`",
                "one of " + ", ".join(sorted(known)),
                nearest(name, known),
            )
        )
    command = _load(known[name]) if name else None
    parser = argparse.ArgumentParser(
        prog="algovigil",
        description="Watch medical AI in use: collect, protect, measure, alert.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"algovigil {metadata.version('algovigil')}",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    if command is not None:
        _add(commands, command)
        return parser.parse_args(words), command
    if "--version" not in words:  # which needs no command, and importing takes time
        for each in sorted(known):
            _list(commands, each, known[each])
    args = parser.parse_args(words)
    parser.print_help()
    return args, None


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], command: Command
) -> None:
    parser = commands.add_parser(
        command.NAME,
        help=command.HELP,
        description=command.HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)


def _list(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    module: str,
) -> None:
    try:
        _add(commands, _load(module))
    except ImportError:
        commands.add_parser(name, help="(needs algovigil[processor])")


def _known() -> dict[str, str]:
    """Return each command's module, the SDK's own first."""
    found = {point.name: point.value for point in metadata.entry_points(group=GROUP)}
    return {**found, **OWN}


def _load(module: str) -> Command:
    return cast("Command", importlib.import_module(module))


def _needs(error: ModuleNotFoundError) -> str:
    return explain(
        f"no module `{error.name}`",
        "algovigil[processor], which has what this command needs",
        "pip install 'algovigil[processor,embedded]'",
    )
