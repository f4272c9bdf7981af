"""Write the dashboards' files, or tell whether they are what the code makes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from algovigil_dashboards import (
    NAMES,
    alerts,
    clinical_outcomes,
    medical_ai,
    privacy_pipeline,
    prometheus,
    system_performance,
)

if TYPE_CHECKING:
    from algovigil_dashboards.dashboard import Dashboard

FOLDER: Final = Path(__file__).parent / "json"


def dashboards() -> tuple[Dashboard, ...]:
    """Return every dashboard, in the order of `NAMES`."""
    return (
        medical_ai.build(),
        clinical_outcomes.build(),
        system_performance.build(),
        alerts.build(),
        privacy_pipeline.build(),
        prometheus.medical_ai(),
        prometheus.clinical_outcomes(),
        prometheus.system_performance(),
    )


def files() -> dict[str, str]:
    """Return the text of each file by its name."""
    made = {d.uid.removeprefix("algovigil-"): d.text() for d in dashboards()}
    assert tuple(made) == NAMES, "NAMES lists what is made"
    return {f"{name}.json": text for name, text in made.items()}


def main(argv: list[str] | None = None) -> int:
    """Write `json/`; with --check compare instead, and return 1 if it differs."""
    parser = argparse.ArgumentParser(prog="algovigil_dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args(argv).check
    stale = 0
    for name, text in files().items():
        file = FOLDER / name
        if check and (not file.is_file() or file.read_text("utf-8") != text):
            print(f"{file}: not what the code makes; run `make dashboards`")
            stale = 1
        elif not check:
            file.write_text(text, encoding="utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main())
