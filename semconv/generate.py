"""Write `semconv.py` and `docs/semconv.md` from `registry.yaml`.

python semconv/generate.py           write both files
python semconv/generate.py --check   exit 1 when one of them is stale
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
HEADER = (
    '"""Names of attributes, events and metrics; written by semconv/generate.py."""'
)


def constant(name: str) -> str:
    """Return the Python constant of a dotted name."""
    return name.removeprefix("medical_ai.").replace(".", "_").upper()


def python(registry: dict[str, list[dict[str, str]]]) -> str:
    """Return the text of semconv.py."""
    lines = [HEADER, "", "from typing import Final", ""]
    prefixes = {"attributes": "", "events": "EVENT_", "metrics": "METRIC_"}
    for section, prefix in prefixes.items():
        for entry in registry[section]:
            name = entry.get("key") or entry["name"]
            lines.append(f'{prefix}{constant(name)}: Final = "{name}"')
        lines.append("")
    return "\n".join(lines)


def markdown(registry: dict[str, list[dict[str, str]]]) -> str:
    """Return the text of docs/semconv.md."""
    lines = [
        "# Names",
        "",
        "Written from `semconv/registry.yaml` by `make semconv`.",
        "",
        "| attribute | type | meaning |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{e['key']}` | {e['type']} | {e['brief']} |" for e in registry["attributes"]
    ]
    lines += ["", "| event (log record) | meaning |", "|---|---|"]
    lines += [f"| `{e['name']}` | {e['brief']} |" for e in registry["events"]]
    lines += ["", "| metric | instrument | unit | meaning |", "|---|---|---|---|"]
    for e in registry["metrics"]:
        lines.append(
            f"| `{e['name']}` | {e['instrument']} | `{e['unit']}` | {e['brief']} |"
        )
    return "\n".join([*lines, ""])


def main() -> int:
    """Write or check both files."""
    registry = yaml.safe_load((ROOT / "semconv/registry.yaml").read_text("utf-8"))
    targets = {
        ROOT / "sdk/algovigil/semconv.py": python(registry),
        ROOT / "docs/semconv.md": markdown(registry),
    }
    stale = [
        p
        for p, text in targets.items()
        if not p.exists() or p.read_text("utf-8") != text
    ]
    if "--check" in sys.argv:
        for path in stale:
            sys.stderr.write(f"stale: {path.relative_to(ROOT)}; run `make semconv`\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(targets[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
