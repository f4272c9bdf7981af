"""`algovigil demo`: the whole job, end to end, on real clinical data."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

    from algovigil_processor.demo.result import Result
    from algovigil_processor.demo.view import View

NAME: Final = "demo"
HELP: Final = "Watch a real model drift, fail and raise the alarm, on this machine."
EPILOG: Final = """\
A FastAPI service with not one line of Algovigil in it scores patients of the Wisconsin
Diagnostic Breast Cancer data. Half-way its scanner shifts: mean texture, worst texture
and worst smoothness come out 1.7 times too large. Drift is named on these features,
pathology's labels show that accuracy fell, and an alert reaches a webhook; nobody takes
it on, so it escalates to a mailbox, is acknowledged, ends when the scanner is mended.
While the scanner is in order the accuracy is estimated before labels come; after the
shift the estimate is refused, because these patients are unlike the reference. A second
model, scored by a nightly batch, meets an older case-mix: only the mix changes, the
estimate stands, and labels confirm it.

Every request plants made-up identities in a header, the query, baggage, a log line and
an exception; none may be found in anything stored or sent, and all the same traffic
under `observe_only` must be, or the search proves nothing.

The demo's clock runs fast: windows of 15 s, ticks of 1 s, labels after 1.5 s.

examples:
  algovigil demo             live, until Ctrl-C
  algovigil demo --once      the finite story, about two minutes; exit code 0 only if
                             every step truly happened
  algovigil demo --once --json
"""
KEYS: Final = (
    "spans",
    "inferences",
    "outcomes",
    "metric_points",
    "redactions",
    "drift_findings",
    "accuracy_before",
    "accuracy_estimated",
    "refused_after_seconds",
    "accuracy_after",
    "older_estimated",
    "older_realised",
    "alerts_fired",
    "alerts_escalated",
    "alerts_acknowledged",
    "alerts_resolved",
    "deliveries",
    "canaries_planted",
    "canaries_leaked",
    "control_found",
    "seconds",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EPILOG
    parser.add_argument("--once", action="store_true", help="tell the story once, exit")
    parser.add_argument(
        "--json", action="store_true", help="print the counts as one last line of JSON"
    )
    parser.add_argument("--keep", metavar="D", help="keep the demo's files in folder D")


def run(args: argparse.Namespace) -> int:
    """Run the demo; its files go unless `--keep` names a folder."""
    if args.keep:
        folder = Path(args.keep).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return _run(args, folder)
    folder = Path(tempfile.mkdtemp(prefix="algovigil-demo-"))
    try:
        return _run(args, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(args: argparse.Namespace, folder: Path) -> int:
    # imported late: help needs none of its weight
    from algovigil_processor.demo.story import Story
    from algovigil_processor.demo.view import View

    with View(quiet=args.json) as view:
        story = Story(folder, view)
        if not args.once:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(story.live())
            return 0
        result = asyncio.run(story.once())
    _report(result, view, as_json=args.json)
    return 1 if result.failed else 0


def _report(result: Result, view: View, *, as_json: bool) -> None:
    counts = {key: result.counts.get(key, 0) for key in KEYS}
    for step in result.failed:
        view.say(f"did not happen: {step}")
    if as_json:
        sys.stdout.write(json.dumps(counts) + "\n")
        return
    for key, value in counts.items():
        view.say(f"{key.replace('_', ' '):>18}  {value:,}")
    view.say("every step happened" if not result.failed else "the story is not true")
