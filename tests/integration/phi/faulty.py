"""`algovigil serve` with a stage that fails: `FAULT` names it.

The errors raised carry the data that they fail on, as those of a careless library do:
what the processor logs, answers or keeps of them is what the leak test looks at.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from tests.phi.planted import PATIENT

import algovigil_processor.ingest as ingest
from algovigil import cli
from algovigil_processor.journal import Journal
from algovigil_processor.redact.work import Work
from algovigil_processor.store import Store


def _fails(*_: Any, **__: Any) -> Any:
    raise ValueError(f"cannot work on {PATIENT.text}")


class _Once:
    """Fails the first time, then does what it stands for."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._failed = False

    def __get__(self, owner: Any, _: Any) -> Any:
        def call(*args: Any, **words: Any) -> Any:
            if not self._failed:
                self._failed = True
                _fails()
            return self._real(owner, *args, **words)

        return call


def main() -> int:
    """Break the stage that is named, and serve."""
    fault = os.environ.get("FAULT", "")
    if fault == "decode":
        ingest.decode = _fails
    elif fault == "redact":
        Work.run = _fails  # type: ignore[method-assign]
    elif fault == "stage":
        ingest.Line._keep = _fails  # type: ignore[method-assign]
    elif fault == "derive":
        ingest.derive = _fails
    elif fault == "journal":
        Journal.append = _fails  # type: ignore[method-assign]
    elif fault == "store":
        Store.insert = _Once(Store.insert)  # type: ignore[assignment]
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
