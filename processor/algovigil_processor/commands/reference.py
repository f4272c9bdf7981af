"""`algovigil reference`: what models are compared with, in the processor that runs."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from algovigil.config import Processor
from algovigil.errors import ConfigError, explain
from algovigil.reference import call, publish_reference

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

NAME = "reference"
HELP = "Make, list, show and activate what models are compared with."

_EXAMPLES = """examples:
  algovigil reference create --from-file validation.parquet --model sepsis \\
      --version 2 --subgroup sex --range age=0:120 --unit age=years --activate
  algovigil reference create --from-window 2026-01-01T00:00 2026-02-01T00:00 \\
      --model sepsis --version 2 --activate --wait
  algovigil reference list --model sepsis --json
  algovigil reference show 5f0c...
  algovigil reference activate 5f0c... --wait

Times are UTC without an offset. A file is CSV or Parquet; its columns are features by
their names, profiled here: only counts, levels and a sample of the numbers are sent.
A token is taken from ALGOVIGIL_TOKEN.
"""
_POLL_SECONDS = 1.0
_COLUMNS = (
    "reference_id",
    "model_name",
    "model_version",
    "source",
    "created",
    "rows",
    "features",
    "active",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs."""
    parser.epilog = _EXAMPLES
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, text, verb in (
        ("create", "Make a reference.", _create),
        ("list", "List references, the newest first.", _list),
        ("show", "Show one reference and its profiles.", _show),
        ("activate", "Put one in force for its model and version.", _activate),
    ):
        one = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        one.set_defaults(verb=verb)
        one.add_argument("--json", action="store_true", help="print JSON")
        one.add_argument(
            "--api",
            metavar="URL",
            default=Processor().api,
            help="the processor's API (default: %(default)s)",
        )
        if name in ("show", "activate"):
            one.add_argument("reference_id", metavar="ID")
        if name in ("create", "activate"):
            one.add_argument(
                "--wait", action="store_true", help="until old predictions are counted"
            )
        if name == "list":
            one.add_argument("--model", default="", help="of this model alone")
        if name == "create":
            _add_create(one)


def _add_create(parser: argparse.ArgumentParser) -> None:
    origin = parser.add_mutually_exclusive_group(required=True)
    origin.add_argument("--from-file", metavar="FILE", help="CSV or Parquet")
    origin.add_argument("--from-window", nargs=2, metavar=("START", "END"))
    parser.add_argument("--model", required=True, help="as its calls name it")
    parser.add_argument("--version", default="", help="as its calls name it")
    parser.add_argument("--activate", action="store_true", help="put it in force")
    for name, form in (("subgroup", "COLUMN"), ("exclude", "COLUMN")):
        parser.add_argument(f"--{name}", action="append", default=[], metavar=form)
    parser.add_argument("--unit", action="append", default=[], metavar="COLUMN=UNIT")
    parser.add_argument(
        "--range", action="append", default=[], metavar="COLUMN=LOW:HIGH"
    )


def run(args: argparse.Namespace) -> int:
    """Do what the verb says; return the exit code.

    Raises:
        AlgovigilError: it could not be done.
    """
    verb: Callable[[argparse.Namespace], Any] = args.verb
    found = verb(args)
    if getattr(args, "wait", False):
        found = _wait(args.api, found["reference_id"])
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        _print(found)
    return 0


def _create(args: argparse.Namespace) -> Any:
    if args.from_window:
        start, end = args.from_window
        window = {
            "model": args.model,
            "version": args.version,
            "start": start,
            "end": end,
            "activate": args.activate,
        }
        return call(args.api, "POST", "/api/v1/references/window", window)
    data = _read(args.from_file)
    for name in args.exclude:
        data.pop(name, None)
    rows = len(next(iter(data.values()), []))
    print(f"- profiling {rows} rows of {len(data)} columns", file=sys.stderr)
    try:
        reference_id = publish_reference(
            data,
            model=args.model,
            version=args.version,
            units=dict(_pair(text, "unit") for text in args.unit),
            valid=dict(_range(text) for text in args.range),
            subgroups=args.subgroup,
            activate=args.activate,
            source="file",
            api=args.api,
        )
    except ValueError as error:
        raise ConfigError(f"{args.from_file}: {error}") from None
    return _without_profiles(
        call(args.api, "GET", f"/api/v1/references/{reference_id}")
    )


def _list(args: argparse.Namespace) -> Any:
    query = urlencode({"model": args.model})
    return call(args.api, "GET", f"/api/v1/references?{query}")


def _show(args: argparse.Namespace) -> Any:
    return call(args.api, "GET", f"/api/v1/references/{quote(args.reference_id)}")


def _activate(args: argparse.Namespace) -> Any:
    path = f"/api/v1/references/{quote(args.reference_id)}/activate"
    return call(args.api, "POST", path)


def _wait(api: str, reference_id: str) -> Any:
    """Return the reference once every old prediction is in its bins."""
    said = False
    while True:
        known = call(api, "GET", f"/api/v1/references/{reference_id}")
        if not known["active"] or known["complete"]:
            return _without_profiles(known)
        if not said:
            print("- counting old predictions into its bins", file=sys.stderr)
            said = True
        time.sleep(_POLL_SECONDS)


def _without_profiles(known: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in known.items() if key != "profiles"}


def _read(path: str) -> dict[str, Any]:
    """Return the columns of a CSV or Parquet file as numpy arrays and lists."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    try:
        if path.lower().endswith((".parquet", ".pq")):
            table = pq.read_table(path)
        else:
            table = pyarrow.csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ConfigError(
            explain(f"{path} cannot be read: {reason}", "a CSV or Parquet file")
        ) from None
    return {
        name: _column(table.column(name).combine_chunks())
        for name in table.column_names
    }


def _column(column: Any) -> Any:
    import pyarrow as pa

    kind = column.type
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
    ):
        return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return column.cast(pa.string()).to_pylist()


def _pair(text: str, option: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise ConfigError(explain(f"--{option} {text}", "COLUMN=VALUE"))
    return name, value


def _range(text: str) -> tuple[str, tuple[float, float]]:
    name, value = _pair(text, "range")
    low, _, high = value.partition(":")
    try:
        bounds = float(low), float(high)
    except ValueError:
        raise ConfigError(explain(f"--range {text}", "COLUMN=LOW:HIGH")) from None
    if not bounds[0] < bounds[1]:
        raise ConfigError(explain(f"--range {text}", "a lower bound below the upper"))
    return name, bounds


def _print(found: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    rows = found if isinstance(found, list) else [found]
    table = Table(box=None)
    for name in _COLUMNS:
        table.add_column(name, overflow="fold", no_wrap=name == "reference_id")
    for row in rows:
        table.add_row(*(str(row[name]) for name in _COLUMNS))
    console.print(table if rows else "no reference is stored yet")
    for profile in found.get("profiles", []) if isinstance(found, dict) else []:
        console.print(
            f"{profile['feature']} ({profile['kind']}): {profile['rows']} rows, "
            f"{profile['missing']} missing",
            *([profile["unit"]] if profile.get("unit") else []),
            markup=False,
        )
