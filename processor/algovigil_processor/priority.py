"""Who runs first when there is less CPU than work: those who answer senders.

Receiving and the worker of small requests keep the priority of the process. Large
groups, inserts, ticks and queries step back, and with them the threads that chDB starts
for them: a new thread has the priority of the one that made it. Where there is CPU
enough nothing changes, and other processes are not pushed aside.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Final

_NICE: Final = 10  # a tenth of the share of a thread that did not step back: sched(7)


def step_back() -> None:
    """Let threads that did not step back run before this one, and those it starts.

    One that wakes up does not interrupt another that runs, either: threads that hand
    the interpreter to each other wake up all the time. Only Linux has a priority for
    each thread; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            nice = max(os.getpriority(os.PRIO_PROCESS, thread), _NICE)
            os.setpriority(os.PRIO_PROCESS, thread, nice)
        with contextlib.suppress(OSError):
            if os.sched_getscheduler(thread) == os.SCHED_OTHER:
                os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
