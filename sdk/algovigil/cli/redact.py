"""`algovigil redact`: a filter that removes identifiers from lines of JSON."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from algovigil.config import MonitoringConfig
from algovigil.phi import Protector, Redaction, applied

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

NAME = "redact"
HELP = "Remove identifiers from lines of JSON, as the processor would."
FAULT = 1

_EPILOG = """
Each line in is {"id": any, "key": attribute name or null, "text": string}; the line out
is {"id": ..., "text": ...}, in the same order, written as it is read. With --spans it
also has "spans": [{"start", "end", "class", "action"}], in characters of the text as it
came. A line that is none of these comes out as {"line": number, "error": ...} without
its content, and the exit code is 1 when all are done.

Identifiers become tokens under the key in ALGOVIGIL_PHI_KEY; without it they are
dropped.

examples:
  algovigil redact < values.jsonl > clean.jsonl
  algovigil redact --spans --preset safe_harbor < values.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--spans", action="store_true", help="say what was replaced, and where"
    )
    parser.add_argument(
        "--preset", help="pseudonymise, safe_harbor, dicom_basic or observe_only"
    )
    parser.add_argument("--config", metavar="FILE", help="a monitoring_config.yaml")
    parser.epilog = _EPILOG


def protector_of(args: argparse.Namespace) -> Protector:
    """Return the protector that `--config` and `--preset` describe.

    Raises:
        ConfigError: a setting or the preset is unknown, or the key is too short.
    """
    config = (
        MonitoringConfig.load(args.config)
        if args.config
        else MonitoringConfig.from_environment()
    )
    phi = config.phi
    if args.preset:
        phi = dataclasses.replace(phi, preset=args.preset)
    return Protector.of(phi)


def run(args: argparse.Namespace) -> int:
    """Filter standard input; return 1 if a line could not be read.

    Raises:
        ConfigError: as `protector_of`.
    """
    protector = protector_of(args)
    failed = False
    for answer in redacted(protector, sys.stdin.buffer, spans=args.spans):
        failed |= "error" in answer
        print(json.dumps(answer, ensure_ascii=False), flush=True)
    return FAULT if failed else 0


def redacted(
    protector: Protector, lines: Iterable[bytes], *, spans: bool
) -> Iterator[dict[str, Any]]:
    """Yield the answer to each of *lines* that is not empty."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            key, text = item.get("key") or "", item["text"]
            if not isinstance(text, str) or not isinstance(key, str):
                raise TypeError
            found = protector.redactions(key, text)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # nothing of the line is repeated: it may hold an identifier
            yield {
                "line": number,
                "error": 'found: a line that is none; expected: {"id", "key", "text"}',
            }
            continue
        yield _answer(protector, item.get("id"), text, found, spans=spans)


def _answer(
    protector: Protector,
    name: object,
    text: str,
    found: list[Redaction],
    *,
    spans: bool,
) -> dict[str, Any]:
    observed = protector.preset.value == "observe_only"
    answer: dict[str, Any] = {
        "id": name,
        "text": text if observed else applied(text, found),
    }
    if spans:
        answer["spans"] = [
            {
                "start": f.start,
                "end": f.end,
                "class": f.cls,
                "action": "observe" if observed else f.action,
            }
            for f in found
        ]
    return answer
