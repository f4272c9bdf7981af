"""What one reader of the SQL port may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sql:
    """Bounds of each statement on the SQL port and of how many run at once."""

    seconds: int = 60
    memory_bytes: int = 1 << 30
    result_rows: int = 1_000_000
    result_bytes: int = 256 << 20
    threads: int = 2
    sessions: int = 4
    """Statements that run at once."""
    waiting: int = 256
    """Statements that wait for a session; one more is refused."""
