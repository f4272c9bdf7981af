"""One of several replicas leads: by a lease in the database they share.

The leader evaluates, notifies and delivers; it renews its lease at half its length, and
another takes over once it has run out. Times are those of the database, so that clocks
of replicas need not agree. A transaction that confirms the lease holds it until its
commit: one that has lost it writes nothing.
"""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from algovigil_processor.alert.tables import LEASES

if TYPE_CHECKING:
    from algovigil_processor.state import State

_NAME: Final = "alerting"


class Lost(Exception):
    """Another replica leads."""


class Lease:
    """The lease of one process; where no other can be, it is always held."""

    def __init__(self, state: State, seconds: float = 15.0) -> None:
        self._state: Final = state
        self._length_ns: Final = int(seconds * 1e9)
        self._me: Final = secrets.token_hex(8)
        self._lock: Final = threading.Lock()
        self._until_ns = 0

    def held(self) -> bool:
        """Tell whether this process leads; take or renew the lease when it is time."""
        if self._state.alone:
            return True
        with self._lock, self._state.write() as db:
            now_ns = _now(db)
            if now_ns < self._until_ns - self._length_ns // 2:
                return True
            self._until_ns = 0
            until_ns = now_ns + self._length_ns
            if _take(db, self._me, now_ns, until_ns):
                self._until_ns = until_ns
        return self._until_ns > 0

    def confirm(self, db: sa.Connection) -> None:
        """Hold the lease to the end of the transaction of *db*.

        Raises:
            Lost: it is not this process's any more.
        """
        if self._state.alone:
            return
        query = sa.select(LEASES).where(LEASES.c.name == _NAME).with_for_update()
        row = db.execute(query).one_or_none()
        if row is None or row.holder != self._me or row.until_ns <= _now(db):
            raise Lost

    def give_up(self) -> None:
        """Let another replica lead at once."""
        if self._state.alone:
            return
        mine = sa.and_(LEASES.c.name == _NAME, LEASES.c.holder == self._me)
        with self._lock, self._state.write() as db:
            db.execute(sa.delete(LEASES).where(mine))
            self._until_ns = 0


def _take(db: sa.Connection, me: str, now_ns: int, until_ns: int) -> bool:
    free = sa.or_(LEASES.c.holder == me, LEASES.c.until_ns <= now_ns)
    query = (
        sa.update(LEASES)
        .where(LEASES.c.name == _NAME, free)
        .values(holder=me, until_ns=until_ns)
    )
    if db.execute(query).rowcount:
        return True
    if db.execute(sa.select(LEASES.c.name).where(LEASES.c.name == _NAME)).first():
        return False
    try:
        with db.begin_nested():
            db.execute(
                sa.insert(LEASES).values(name=_NAME, holder=me, until_ns=until_ns)
            )
    except sa.exc.IntegrityError:
        return False  # another was first
    return True


def _now(db: sa.Connection) -> int:
    """Return the database's time in Unix nanoseconds."""
    return int(db.execute(sa.text(_CLOCK)).scalar_one())


_CLOCK: Final = (
    "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) * 1000"
)
