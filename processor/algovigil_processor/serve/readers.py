"""Read-only sessions, a bounded number of them, each used by one thread alone.

A chDB session is single-user, so each worker thread opens its own; what waits for one
is bounded too, and the rest is refused at once instead of piling up.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, cast

from algovigil_processor.errors import ProcessorError
from algovigil_processor.priority import step_back
from algovigil_processor.serve.wire import Refused, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from algovigil.config import Sql

T = TypeVar("T")

# Statements of users are the ones that run read-only; the writer's never do.
_KILL_ALL: Final = "KILL QUERY WHERE Settings['readonly'] = '1' ASYNC"
_KILL_ONE: Final = "KILL QUERY WHERE Settings['log_comment'] = '{name}' ASYNC"


def limits(sql: Sql, name: str) -> dict[str, int | str]:
    """Return the ClickHouse settings of the session *name*, before it is read-only."""
    return {
        "max_execution_time": sql.seconds,
        "max_memory_usage": sql.memory_bytes,
        "max_result_rows": sql.result_rows,
        "max_result_bytes": sql.result_bytes,
        "max_threads": sql.threads,
        "log_comment": name,
    }


class Reader(Protocol):
    """A read-only session of the store."""

    def raw(
        self,
        sql: str,
        output_format: str,
        parameters: Mapping[str, object] | None = None,
    ) -> bytes:
        """Run *sql*; raises a `ProcessorError` with ClickHouse's `code` and text."""
        ...

    def close(self) -> None:
        """Give the session back."""
        ...


class Session:
    """A `Reader` whose errors are `Refused`, and whose statement can be ended."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self.name: Final = name
        self.close = reader.close
        self._lock: Final = threading.Lock()
        self._job: threading.Event | None = None

    @contextlib.contextmanager
    def working_on(self, job: threading.Event) -> Iterator[None]:
        """Let `end` find *job* here meanwhile.

        Raises:
            Refused: nobody waits for *job* any more.
        """
        with self._lock:
            self._job = job
        try:
            if job.is_set():
                raise refused("QUERY_WAS_CANCELLED", "the client is gone")
            yield
        finally:
            with self._lock:
                self._job = None

    def end(self, job: threading.Event, kill: Callable[[str], object]) -> None:
        """Kill the statement of *job*; the session starts no other meanwhile."""
        with self._lock:
            if self._job is job:
                kill(self.name)

    def raw(
        self,
        sql: str,
        output_format: str,
        parameters: Mapping[str, object] | None = None,
    ) -> bytes:
        """Run *sql*.

        Raises:
            Refused: ClickHouse refused it.
        """
        try:
            return self._reader.raw(sql, output_format, parameters)
        except ProcessorError as error:
            code = int(getattr(error, "code", 0))
            if not code:
                raise refused("UNKNOWN_EXCEPTION", "the engine failed") from None
            raise Refused(code, str(error)) from None


class Readers:
    """Threads that each hold a session, opened at its first use.

    Args:
        open_reader: opens a read-only session that carries the name it is given as
            its setting `log_comment`: by it a statement is found and killed.
        sessions: statements that run at once.
        waiting: statements that wait; one more is refused.
    """

    def __init__(
        self,
        open_reader: Callable[[str], Reader],
        *,
        sessions: int = 4,
        waiting: int = 256,
    ) -> None:
        self._open = open_reader
        self._slots: Final = threading.BoundedSemaphore(sessions + waiting)
        self._pool: Final = ThreadPoolExecutor(sessions, "algovigil-reader", step_back)
        self._own: Final = threading.local()
        self._lock: Final = threading.Lock()
        self._opened: Final[list[Session]] = []
        self._running: Final[set[Future[object]]] = set()

    async def run(self, work: Callable[[Session], T]) -> T:
        """Return `work(session)`, run in a thread of ours.

        Cancelled, it ends the statement too.

        Raises:
            Refused: too many statements wait already, or *work* was refused.
        """
        job = threading.Event()
        if not self._slots.acquire(blocking=False):
            raise refused(
                "TOO_MANY_SIMULTANEOUS_QUERIES", "too many statements wait; come back"
            )
        try:
            future = self._pool.submit(self._call, work, job)
        except RuntimeError:
            self._slots.release()
            raise refused("UNKNOWN_EXCEPTION", "the processor is stopping") from None
        with self._lock:
            self._running.add(cast("Future[object]", future))
        # the slot is free when the thread is, even if the client went away
        future.add_done_callback(self._free)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            job.set()
            # the loop must not wait for the engine
            asyncio.get_running_loop().run_in_executor(None, self._end, job)
            raise

    def _end(self, job: threading.Event) -> None:
        with self._lock:
            opened = tuple(self._opened)
        for session in opened:
            session.end(job, lambda name: self._kill(_KILL_ONE.format(name=name)))

    def _kill(self, statement: str) -> None:
        killer = self._open("killer")
        try:
            killer.raw(statement, "Null")
        finally:
            killer.close()

    def _free(self, future: Future[T]) -> None:
        self._slots.release()
        with self._lock:
            self._running.discard(cast("Future[object]", future))

    def _call(self, work: Callable[[Session], T], job: threading.Event) -> T:
        session: Session | None = getattr(self._own, "session", None)
        if session is None:
            name = f"reader-{id(self)}-{threading.get_ident()}"
            session = Session(self._open(name), name)
            with self._lock:
                self._opened.append(session)
            self._own.session = session
        try:
            with session.working_on(job):
                return work(session)
        except BaseException:
            # chDB gives what a failed statement had already put out to whoever asks
            # next in the same session: other people's rows
            self._drop(session)
            raise

    def _drop(self, session: Session) -> None:
        self._own.session = None
        with self._lock:
            if session in self._opened:
                self._opened.remove(session)
        session.close()

    def close(self, grace: float = 2.0) -> None:
        """Drop statements that wait, end those that run on after *grace* seconds."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            running = set(self._running)
        if wait(running, grace).not_done:
            self._kill(_KILL_ALL)
        self._pool.shutdown()
        with self._lock:
            while self._opened:
                self._opened.pop().close()
