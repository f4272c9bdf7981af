"""What a watched process says of itself to `algovigil doctor`.

Invariant: names and numbers only; nothing that a model was given or answered.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from algovigil import signals
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV: Final = "ALGOVIGIL_DOCTOR"
"""Directory that each watched process writes its report to, as `<pid>.json`."""
_SECONDS: Final = 0.5


def report() -> dict[str, Any]:
    """Return which frameworks are watched here, by which methods, and the calls."""
    from algovigil.instrumentation.framework import FrameworkInstrumentor

    frameworks = {}
    for kind in FrameworkInstrumentor.__subclasses__():
        if not kind.package:
            continue  # it times loads, of whatever framework
        module = sys.modules.get(kind.package)
        frameworks[kind.package] = {
            "on": kind.patches.on,
            "imported": module is not None,
            "version": str(getattr(module, "__version__", "")),
            "methods": kind.patches.names(),
        }
    return {
        "pid": os.getpid(),
        "program": sys.orig_argv[:3],
        "frameworks": frameworks,
        "calls": signals.current().totals.calls(),
    }


def start(environ: Mapping[str, str] | None = None) -> None:
    """Write reports while this process runs, if the doctor asks for them."""
    directory = (os.environ if environ is None else environ).get(ENV)
    if not directory:
        return

    def write() -> None:
        path = Path(directory, f"{os.getpid()}.json")
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(report()))
        draft.replace(path)

    def keep_writing() -> None:
        while not stop.wait(_SECONDS):
            quiet(write)()
        quiet(write)()

    def begin() -> None:
        stop.clear()
        thread = threading.Thread(target=keep_writing, daemon=True)
        thread.start()
        threads[:] = [thread]

    def end() -> None:
        stop.set()  # the thread writes once more, alone
        threads[0].join(_SECONDS)

    stop, threads = threading.Event(), list[threading.Thread]()
    os.register_at_fork(after_in_child=begin)
    atexit.register(end)
    begin()
