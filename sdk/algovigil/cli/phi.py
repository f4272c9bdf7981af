"""`algovigil phi`: why was this removed, what was removed, what would change."""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from algovigil.cli.redact import protector_of
from algovigil.errors import Unavailable, explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from algovigil.phi import Protector

NAME = "phi"
HELP = "Explain, report and compare what the PHI rules do."

_EPILOG = """
  explain  what a value would become, by which rule of which class, and why not
  report   counts of the running processor: by class, action, rule and column, and by
           service; never a value
  diff     lines of JSON as `algovigil redact` takes them, under two presets: how many
           values would change, by class; no value is printed

examples:
  algovigil phi explain --key patient.name --text "Jane Roe"
  algovigil phi report --json
  algovigil phi diff --to safe_harbor < values.jsonl
"""
_SERIES: Final = re.compile(
    r"algovigil_redact_(?:values|services)_total\{([^}]*)\} ([0-9.e+]+)"
)
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
_SECONDS: Final = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the three parts and their options."""
    parser.add_argument("part", choices=("explain", "report", "diff"))
    parser.add_argument("--text", default="", help="explain: the value")
    parser.add_argument("--key", default="", help="explain: its attribute")
    parser.add_argument(
        "--to", metavar="PRESET", help="diff: the preset to compare with"
    )
    parser.add_argument("--preset", help="the preset, instead of the configured one")
    parser.add_argument("--config", metavar="FILE", help="a monitoring_config.yaml")
    parser.add_argument("--api", default="http://127.0.0.1:8080", help="report: where")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Do the part that is asked for.

    Raises:
        ConfigError: a setting or a preset is unknown.
        Unavailable: the processor does not answer.
    """
    if args.part == "report":
        rows = list(counts(_page(f"{args.api.rstrip('/')}/metrics")))
    elif args.part == "explain":
        rows = list(explained(protector_of(args), args.key, args.text))
    else:
        before = protector_of(args)
        after = protector_of(
            argparse.Namespace(**{**vars(args), "preset": args.to or "safe_harbor"})
        )
        rows = list(changes(before, after, sys.stdin.buffer))
    if args.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    if not rows:
        print("nothing")
    return 0


def explained(protector: Protector, key: str, text: str) -> Iterator[dict[str, Any]]:
    """Yield what the rules say of *key*, and what they would replace in *text*."""
    note = protector.note(key)
    yield {
        "key": key or "(none)",
        "class": note.cls or "none by the key",
        "trust": note.trust,
        "rules": protector.rules.digest,
    }
    found = protector.redactions(key, text)
    for f in found:
        yield {
            "from": f.start,
            "to": f.end,
            "class": f.cls,
            "rule": f.rule,
            "action": f.action,
            "becomes": f.new,
        }
    if not found and text:
        plain = protector.is_plain(text) and note.cls is None
        yield {"kept": "a number or a name of code" if plain else "no rule fits"}


def counts(page: str) -> Iterator[dict[str, Any]]:
    """Yield the counters of redaction on a page of metrics, most first."""
    rows = [
        (dict(_LABEL.findall(labels)), float(number))
        for labels, number in _SERIES.findall(page)
    ]
    for labels, number in sorted(rows, key=lambda row: -row[1]):
        yield {"times": int(number), **labels}


def changes(
    before: Protector, after: Protector, lines: Iterable[bytes]
) -> Iterator[dict[str, Any]]:
    """Yield how often each class would be treated otherwise."""
    tally: Counter[tuple[str, str, str]] = Counter()
    for line in lines:
        try:
            item = json.loads(line)
            key, text = item.get("key") or "", item["text"]
            one = {(f.start, f.end, f.cls): f for f in before.redactions(key, text)}
            two = {(f.start, f.end, f.cls): f for f in after.redactions(key, text)}
        except (ValueError, KeyError, TypeError, AttributeError):
            tally["-", "unreadable", "unreadable"] += 1
            continue
        for place in one.keys() | two.keys():
            old, new = one.get(place), two.get(place)
            if old is None or new is None or old.new != new.new:
                names = (old.action if old else "keep", new.action if new else "keep")
                tally[place[2], names[0], names[1]] += 1
    for (cls, old_action, new_action), number in tally.most_common():
        yield {"times": number, "class": cls, "before": old_action, "after": new_action}


def _page(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 # the operator's own address
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Unavailable(
            explain(
                f"no answer from {url} ({type(error).__name__})",
                "a running processor",
                "algovigil serve, or name it with --api",
            )
        ) from None
