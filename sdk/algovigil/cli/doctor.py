"""`algovigil doctor`: say whether anything would be recorded, and if not, why.

Invariant: what it says was tried, not guessed: the program runs as `instrument` runs
it and tells what is replaced in it, and the exporter sends a real, empty request.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from algovigil.config import MonitoringConfig
from algovigil.errors import ConfigError

if TYPE_CHECKING:
    import argparse

NAME = "doctor"
HELP = "Check that a program's models would be recorded."

_EXPORT_SECONDS: Final = 3
_RUN_SECONDS: Final = 30.0
_IMPORT_SECONDS: Final = 300.0  # of every framework there is
_IMPORT_ALL: Final = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"import {name}: {type(error).__name__}", file=sys.stderr)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the program and the form of the report."""
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument(
        "--methods", action="store_true", help="list the methods that are watched"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.0,
        help="how long the program may run before it is ended (30)",
    )
    parser.add_argument(
        "program",
        nargs="*",
        metavar="-- PROGRAM [ARGUMENT ...]",
        help="the program, as you would start it; absent, every framework found",
    )
    parser.epilog = (
        "examples:\n"
        "  algovigil doctor\n"
        "  algovigil doctor --json -- python score.py\n"
        "  algovigil doctor --seconds 10 -- uvicorn main:app\n\n"
        "exit code 0 if something would be recorded, 1 if not\n"
    )


def run(args: argparse.Namespace) -> int:
    """Try it and print what was found; 1 if nothing would be recorded."""
    problems: list[str] = []
    found = {
        "config": _config(problems),
        "exporter": _exporter(problems),
        **_watched(args.program, args.seconds, problems),
    }
    found["problems"] = problems
    found["recorded"] = not problems
    print(json.dumps(found, indent=2) if args.json else _text(found, args.methods))
    return 1 if problems else 0


def _config(problems: list[str]) -> dict[str, Any]:
    path = os.environ.get("ALGOVIGIL_CONFIG", "")
    try:
        MonitoringConfig.from_environment()
    except ConfigError as error:
        problems.append(f"settings: {error}")
        return {"file": path, "read": False}
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        problems.append("OTEL_SDK_DISABLED is true: OpenTelemetry records nothing")
    if os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        problems.append("OTEL_TRACES_EXPORTER is none: spans go nowhere")
    return {"file": path, "read": True}


def _exporter(problems: list[str]) -> dict[str, Any]:
    """Send an empty request where spans would go, by the settings that they go by."""
    from algovigil.distro import AlgovigilDistro

    try:
        AlgovigilDistro()._configure()
    except ConfigError:  # said already
        return {"reachable": False}
    protocol = os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"]
    endpoint = os.environ.get(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "the default of OTLP"),
    )
    print(f"asking {endpoint} ...", file=sys.stderr)
    answer = _send_nothing(protocol)
    if answer:
        problems.append(
            f"exporter: {endpoint} ({protocol}) {answer}; is the processor running, "
            "and is it where OTEL_EXPORTER_OTLP_ENDPOINT says?"
        )
    return {"endpoint": endpoint, "protocol": protocol, "reachable": not answer}


def _send_nothing(protocol: str) -> str:
    """Return '' if an empty request was taken, else what happened."""
    import logging

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # we say it
    exporter: Any
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
            OTLPSpanExporter as GrpcExporter,
        )

        exporter = GrpcExporter(timeout=_EXPORT_SECONDS)
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
            OTLPSpanExporter as HttpExporter,
        )

        exporter = HttpExporter(timeout=_EXPORT_SECONDS)
    try:
        return "" if exporter.export([]).name == "SUCCESS" else "does not answer"
    except Exception as error:
        return f"cannot be used: {type(error).__name__}"
    finally:
        exporter.shutdown()


def _known() -> dict[str, list[str]]:
    """Return the modules that are watched, by framework."""
    from importlib.metadata import entry_points

    from algovigil.instrumentation.framework import FrameworkInstrumentor

    for point in entry_points(group="opentelemetry_instrumentor"):
        if point.value.startswith("algovigil."):
            point.load()
    kinds = [kind for kind in FrameworkInstrumentor.__subclasses__() if kind.package]
    return {kind.package: list(kind.hooks) for kind in sorted(kinds, key=_package)}


def _package(kind: Any) -> str:
    return str(kind.package)


def _watched(program: list[str], seconds: float, problems: list[str]) -> dict[str, Any]:
    known = _known()
    there = {name for name in known if find_spec(name) is not None}
    modules = [module for name in there for module in known[name]]
    words = program or [sys.executable, "-c", _IMPORT_ALL, *modules]
    seconds = seconds or (_RUN_SECONDS if program else _IMPORT_SECONDS)
    what = "the program" if program else "every framework: " + ", ".join(sorted(there))
    print(f"trying {what} ...", file=sys.stderr)
    with tempfile.TemporaryDirectory() as directory:
        ended = _run(words, seconds, directory, quietly=not program)
        reports = [
            json.loads(path.read_text())
            for path in sorted(Path(directory).glob("*.json"))
        ]
    frameworks = {name: _framework(name, reports, name in there) for name in known}
    if not reports:
        problems.append(
            "no process was watched: the program is no Python program, or it clears "
            "PYTHONPATH, or it ended before it began"
        )
    elif not any(each["methods"] for each in frameworks.values()):
        problems.append(
            "no method is watched: install or import one of "
            + ", ".join(sorted(known))
            + ", or see OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
        )
    return {
        "frameworks": frameworks,
        "program": {
            "command": program,
            "ended": ended,
            "processes": len(reports),
            "calls": sum(each["calls"] for each in reports),
        },
    }


def _run(
    words: list[str], seconds: float, directory: str, *, quietly: bool
) -> int | None:
    """Run the program watched; return its exit code, None if it had to be ended."""
    command = [sys.executable, "-m", "algovigil.cli", "instrument", "--", *words]
    output = subprocess.DEVNULL if quietly else sys.stderr
    child = subprocess.Popen(  # noqa: S603 # the program that the user names
        command, env={**os.environ, "ALGOVIGIL_DOCTOR": directory}, stdout=output
    )
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
        return None


def _framework(name: str, reports: list[Any], there: bool) -> dict[str, Any]:
    said = [r["frameworks"][name] for r in reports if name in r["frameworks"]]
    methods = sorted({method for each in said for method in each["methods"]})
    versions = {each["version"] for each in said if each["version"]}
    if not there:
        state = "not installed"
    elif not said:
        state = "disabled"
    elif methods:
        state = "watched"
    else:
        state = "not imported by the program"
    return {
        "state": state,
        "version": ", ".join(sorted(versions)),
        "methods": methods,
    }


def _text(found: dict[str, Any], methods: bool) -> str:
    config, exporter, program = found["config"], found["exporter"], found["program"]
    lines = [
        f"settings      {config['file'] or 'no file: defaults and the environment'}",
        f"exporter      {exporter.get('endpoint', '')} "
        + ("answers" if exporter["reachable"] else "DOES NOT ANSWER"),
    ]
    for name, each in found["frameworks"].items():
        count = f", {len(each['methods'])} methods" if each["methods"] else ""
        lines.append(f"{name:<13} {each['version']:<10} {each['state']}{count}")
        if methods:
            lines += [f"    {method}" for method in each["methods"]]
    if program["command"]:
        ended = (
            "ended by us" if program["ended"] is None else f"exit {program['ended']}"
        )
        lines.append(
            f"program       {ended}, {program['processes']} processes, "
            f"{program['calls']} calls recorded"
        )
    lines += [f"PROBLEM       {problem}" for problem in found["problems"]]
    lines.append("Nothing would be recorded." if found["problems"] else "All is well.")
    return "\n".join(lines)
