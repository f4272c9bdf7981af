"""The rules as one hyperscan database, compiled once for a machine and user.

Compiling takes seconds, which every start would pay, one after a crash too. The file
in the user's cache holds rules only. It is what this user wrote and nobody else may
write, whole, and of these rules; else it is made anew. Where no cache can be written
nothing is lost but the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeAlias

import hyperscan

Hints: TypeAlias = tuple[tuple[int, str, bool], ...]
"""Of each rule its index, its pattern, and whether case is ignored."""

_DIGEST_BYTES: Final = 32

# many texts are scanned as one, line by line: where a text begins a line begins
_LINES: Final = hyperscan.HS_FLAG_MULTILINE


@lru_cache(maxsize=8)
def database(rules: Hints) -> hyperscan.Database:
    """Return the database of *rules*, whose matches carry their indices."""
    path = _path(rules)
    found = _read(path) if path else None
    if found is None:
        found = _compiled(rules)
        if path:
            _write(path, bytes(hyperscan.dumpb(found)))
    return found


def _path(rules: Hints) -> Path | None:
    """Return where the database of *rules* would be: another one has another name.

    None where the user has no cache.
    """
    of = repr((version("hyperscan"), _LINES, rules)).encode()
    name = hashlib.blake2b(of, digest_size=16).hexdigest()
    home = os.environ.get("HOME", "")
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path(home) / ".cache")
    if not root.is_absolute():
        return None
    return root / "algovigil" / f"rules-{name}.hs"


def _read(path: Path) -> hyperscan.Database | None:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return None
            content = file.read()
    except OSError:
        return None
    digest, dumped = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if digest != _digest(dumped):
        return None
    # of another processor or version: hyperscan says so itself
    with contextlib.suppress(hyperscan.error):
        return hyperscan.loadb(dumped, hyperscan.HS_MODE_BLOCK)
    return None


def _write(path: Path, dumped: bytes) -> None:
    """Put the file in its place as a whole, or not at all."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_digest(dumped) + dumped)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _digest(dumped: bytes) -> bytes:
    return hashlib.blake2b(dumped, digest_size=_DIGEST_BYTES).digest()


def _compiled(rules: Hints) -> hyperscan.Database:
    made = hyperscan.Database()
    made.compile(
        expressions=[pattern.encode() for _, pattern, _ in rules],
        ids=[i for i, _, _ in rules],
        elements=len(rules),
        flags=[
            _LINES | (hyperscan.HS_FLAG_CASELESS if folded else 0)
            for _, _, folded in rules
        ],
    )
    return made
