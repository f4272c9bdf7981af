"""What the processor does at a steady pace."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from algovigil_processor.priority import step_back

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG: Final = logging.getLogger(__name__)
_JOIN_SECONDS: Final = 2.0


class Ticker:
    """A thread that calls *call* with the time, in ns; an error ends one call only.

    The first call comes after *first* seconds, or *seconds*, as all others do.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        call: Callable[[int], object],
        first: float | None = None,
    ) -> None:
        self._name = name
        self._seconds = seconds
        self._first = seconds if first is None else first
        self._call = call
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        step_back()
        seconds = self._first
        while not self._stopping.wait(seconds):
            seconds = self._seconds
            try:
                self._call(time.time_ns())
            except Exception as error:
                _LOG.error("%s: %s in a tick", self._name, type(error).__name__)

    def stop(self) -> None:
        """Let a call in work end, within a bound."""
        self._stopping.set()
        self._thread.join(_JOIN_SECONDS)
