"""Simulate every claim, print the table and write it to docs/validation.md.

`make validate`, or `python -m tests.validation [PART ...]`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.validation import drift_null, drift_power
from tests.validation.claims import table

_PARTS = {"drift_null": drift_null, "drift_power": drift_power}
_PAGE = Path(__file__).resolve().parents[2] / "docs/validation.md"
_HEAD = """# Validation

What the statistics promise, beside what seeded simulations achieved: `make validate`
writes this page. A line holds when its figure is within simulation error of the promise
(a line that is true fails by chance in one of a thousand).
"""


def main(names: list[str]) -> int:
    """Return 0 when every claim holds."""
    pages, holds = [_HEAD], True
    for name in names or list(_PARTS):
        started = time.monotonic()
        print(f"- {name} ...", file=sys.stderr)
        part = _PARTS[name]
        claims = part.run(1.0)
        holds &= all(claim.holds for claim in claims)
        text = f"## {part.TITLE}\n\n{table(claims)}\n"
        print(text)
        print(f"- {name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
        pages.append(text)
    if not names:
        _PAGE.write_text("\n".join(pages), "utf-8")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
