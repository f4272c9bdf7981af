"""Run the validation pack, write its tables to docs/validation.md: `make validate`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.validation import clinical, drift_null, drift_power, drift_survival
from tests.validation.checks import table

if TYPE_CHECKING:
    from tests.validation.checks import Check

PAGE = Path(__file__).resolve().parents[2] / "docs/validation.md"
BEGIN, END = "<!-- begin {} -->\n", "<!-- end {} -->\n"


def main(names: list[str]) -> int:
    """Run the parts *names*, all of them by default; 1 when a claim does not hold."""
    parts = {
        "drift_null": drift_null.checks,
        "drift_power": drift_power.checks,
        "drift_survival": drift_survival.checks,
        "clinical": clinical.checks,
    }
    failed = False
    for name in names or list(parts):
        found: list[Check] = []
        start = time.monotonic()
        for check in parts[name]():
            found.append(check)
            mark = "holds" if check.holds else "DOES NOT HOLD"
            print(
                f"{mark}: {check.subject}, {check.setting}: {check.achieved} "
                f"(stated {check.stated}; {time.monotonic() - start:.0f} s)",
                flush=True,
            )
        failed |= not all(check.holds for check in found)
        write(name, table(found))
    return int(failed)


def write(name: str, text: str) -> None:
    """Put *text* between the marks of *name* in the page."""
    page = PAGE.read_text("utf-8")
    begin, end = BEGIN.format(name), END.format(name)
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(before + begin + text + end + after, "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
