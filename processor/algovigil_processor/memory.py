"""Three allocators share the process, and each keeps for later what was given back.

glibc's (Python, gRPC) has an arena for each thread, Arrow's has segments of its own,
and that inside chDB waits five seconds: together a few hundred megabytes under load.
Python's own collector of cycles stops every thread while it looks.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from typing import Final

_M_ARENA_MAX: Final = -8  # malloc.h
_ARENAS: Final = 2
# milliseconds until what chDB gave back is the system's again
_DECAY: Final = "dirty_decay_ms:2000"


def give_back() -> None:
    """Let freed memory go back to the system soon.

    To be called before chDB is loaded and before threads start; what the environment
    says (`JE_MALLOC_CONF`, `ARROW_DEFAULT_MEMORY_POOL`) goes first.
    """
    os.environ.setdefault("JE_MALLOC_CONF", _DECAY)
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with contextlib.suppress(OSError, AttributeError):  # a libc without arenas
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def settle() -> None:
    """Leave what a start has made to itself: it stays until the end.

    Python looks through all objects for cycles now and then, and no thread runs
    meanwhile: 0.1 s for the 150 000 of a processor that has started.
    """
    gc.collect()
    gc.freeze()
