"""Threads that step back, and those that they start, run after the others."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from algovigil_processor.priority import step_back

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has a priority for each thread"
)


def standing() -> tuple[int, int]:
    """Return the priority of this thread, a larger one runs later, and its policy."""
    thread = threading.get_native_id()
    nice = os.getpriority(os.PRIO_PROCESS, thread)
    return nice, os.sched_getscheduler(thread)


def test_a_thread_steps_back_alone_with_those_it_starts() -> None:
    """The thread that started it stays where it was."""
    before, found = standing(), []

    def child() -> None:
        found.append(standing())

    def stepped() -> None:
        step_back()
        child()
        inner = threading.Thread(target=child)
        inner.start()
        inner.join()

    outer = threading.Thread(target=stepped)
    outer.start()
    outer.join()
    assert [(max(before[0], 10), os.SCHED_BATCH)] * 2 == found
    assert before == standing()
