"""Three allocators share the process, and each keeps for later what was given back.

glibc's (Python, gRPC) has an arena for each thread, Arrow's has segments of its own,
and that inside chDB waits five seconds: together a few hundred megabytes under load.
"""

from __future__ import annotations

import contextlib
import ctypes
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
