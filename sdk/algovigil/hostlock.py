"""One process of a host is chosen, by a lock that dies with it.

Invariant: at most one process holds the lock of a name at a time; when it ends, however
it ends, the next that asks gets it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import weakref
from pathlib import Path
from typing import Final

_SHARED: Final = Path("/run/lock")  # as the Filesystem Hierarchy Standard has it


class HostLock:
    """The lock *name* of this host (of this container, where files are its own).

    Args:
        name: What is locked.
        directory: Where lock files lie; '' is one that all users share.
    """

    def __init__(self, name: str, directory: str | Path = "") -> None:
        if not directory:
            shared = os.access(_SHARED, os.W_OK)
            directory = _SHARED if shared else tempfile.gettempdir()
        self._path: Final = Path(directory) / f"algovigil-{name}.lock"
        self._file = -1
        weak = weakref.WeakMethod(self._forked)
        os.register_at_fork(after_in_child=lambda: (again := weak()) and again())

    def held(self) -> bool:
        """Return whether this process holds the lock, taking it if it is free."""
        if self._file >= 0:
            return True
        try:
            file = self._open()
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let another process have it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> int:
        # another user's file in a shared directory can be opened, but not created
        with contextlib.suppress(FileNotFoundError):
            return os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
        return os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)

    def _forked(self) -> None:
        # the child's descriptor would keep the lock after the parent's death; closing
        # it leaves the parent's alone
        self.release()
