"""Sessions are bounded, private to a thread, and never used after a failure."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from algovigil_processor.errors import ProcessorError
from algovigil_processor.serve.readers import Readers
from algovigil_processor.serve.statements import answer
from algovigil_processor.serve.wire import Refused
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import ChdbReader

    from algovigil_processor.serve.readers import Session


@pytest.fixture
def readers(open_reader: Callable[[str], ChdbReader]) -> Iterator[Readers]:
    pool = Readers(open_reader, sessions=2, waiting=1)
    yield pool
    pool.close()


def ask(readers: Readers, sql: str, output_format: str = "TSV") -> bytes:
    work = answer(readers, Telemetry(), sql, output_format)
    return asyncio.run(work).body


def test_a_failed_statement_leaves_nothing_to_the_next(
    open_reader: Callable[[str], ChdbReader],
) -> None:
    """What a statement put out before it failed reaches nobody.

    The control shows what the engine does with them in a session that goes on.
    """
    failing = "SELECT kolmogorovSmirnovTest('two-sided')(n, 0) FROM t FORMAT JSON"
    readers = Readers(open_reader, sessions=1)
    with pytest.raises(Refused) as refused:
        ask(readers, failing)
    assert 36 == refused.value.code
    assert b"5\n" == ask(readers, "SELECT 5")
    readers.close()
    control = open_reader("")
    with pytest.raises(ProcessorError):
        control.raw(failing, "TSV")
    assert b"5\n" != control.raw("SELECT 5", "TSV")


def test_more_than_the_bound_is_refused_at_once(readers: Readers) -> None:
    """Two run, one waits, the fourth is told to come back; then all is free again."""
    release = threading.Event()

    async def crowd() -> list[object]:
        busy = [
            asyncio.create_task(readers.run(lambda _: release.wait(10)))
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await readers.run(lambda _: None)
        assert (202, 503) == (refused.value.code, refused.value.status)
        release.set()
        return list(await asyncio.gather(*busy))

    assert [True, True, True] == asyncio.run(crowd())
    assert b"1\n" == ask(readers, "SELECT 1")


def test_each_session_belongs_to_one_thread(
    open_reader: Callable[[str], ChdbReader],
) -> None:
    """Statements run at once on as many sessions as stated, opened when needed."""
    opened = []

    def open_one(name: str) -> ChdbReader:
        opened.append(open_reader(name))
        return opened[-1]

    async def many() -> set[bytes]:
        sql = "SELECT sum(number) FROM numbers(10)"
        answers = [answer(readers, Telemetry(), sql, "TSV") for _ in range(40)]
        return {each.body for each in await asyncio.gather(*answers)}

    readers = Readers(open_one, sessions=3)
    results = asyncio.run(many())
    readers.close()
    assert {b"45\n"} == results
    assert 1 <= len(opened) <= 3


def test_a_closed_pool_refuses(open_reader: Callable[[str], ChdbReader]) -> None:
    """After close a statement is refused, not hung."""
    readers = Readers(open_reader, sessions=1)
    readers.close()
    with pytest.raises(Refused) as refused:
        ask(readers, "SELECT 1")
    assert 500 == refused.value.status


def test_closing_ends_a_statement_that_runs_on(
    open_reader: Callable[[str], ChdbReader],
) -> None:
    """The processor stops in time whatever users have asked for."""
    readers = Readers(open_reader, sessions=1)
    begun = threading.Event()

    def long(session: Session) -> bytes:
        begun.set()
        return session.raw(
            "SELECT max(sipHash64(number)) FROM numbers(100000000000)", "TSV"
        )

    async def close_meanwhile() -> float:
        task = asyncio.create_task(readers.run(long))
        await asyncio.to_thread(begun.wait, 10)
        started = time.monotonic()
        await asyncio.to_thread(readers.close, 0.2)
        with pytest.raises(Refused) as refused:
            await task
        assert 394 == refused.value.code
        return time.monotonic() - started

    assert asyncio.run(close_meanwhile()) < 5


def test_who_cancels_ends_his_statement_and_no_other(
    open_reader: Callable[[str], ChdbReader],
) -> None:
    """Of two that run on the cancelled one stops; one that waits never runs."""
    readers = Readers(open_reader, sessions=2)
    telemetry = Telemetry()
    endless = "SELECT max(sipHash64(number)) FROM numbers(100000000000)"
    bounded = "SELECT count() FROM numbers(30000000) WHERE sipHash64(number) = 1"
    begun = threading.Semaphore(0)

    def watched(sql: str) -> Callable[[Session], bytes]:
        def work(session: Session) -> bytes:
            begun.release()
            return session.raw(sql, "TSV")

        return work

    async def cancel_one() -> bytes:
        first = asyncio.create_task(readers.run(watched(endless)))
        other = asyncio.create_task(readers.run(watched(bounded)))
        for _ in range(2):
            await asyncio.to_thread(begun.acquire)
        waiting = asyncio.create_task(answer(readers, telemetry, "SELECT 1", "TSV"))
        await asyncio.sleep(0)
        waiting.cancel()
        first.cancel()
        for task in (first, waiting):
            with pytest.raises(asyncio.CancelledError):
                await task
        # both sessions are free for this again only if the first statement ended
        both = [asyncio.create_task(readers.run(lambda _: 0)) for _ in range(2)]
        await asyncio.wait_for(asyncio.gather(*both), 60)
        return await other

    started = time.monotonic()
    assert b"0\n" == asyncio.run(cancel_one())
    assert time.monotonic() - started < 60
    assert 1 == telemetry.total("sql.queries", result="cancelled")
    readers.close()


@pytest.mark.parametrize(
    "output_format", ["DataFrame", "ArrowTable", "Debug", "a b", ""]
)
def test_formats_that_are_not_bytes_are_unknown(
    readers: Readers, output_format: str
) -> None:
    """chDB's words for Python objects are no formats here."""
    with pytest.raises(Refused) as refused:
        ask(readers, "SELECT 1", output_format)
    assert 73 == refused.value.code


def test_statements_are_counted_by_result(readers: Readers) -> None:
    """`sql.queries` tells what became of statements."""
    telemetry = Telemetry()
    for sql in ("SELECT 1", "SELECT 2", "KILL QUERY WHERE 1", "SELECT nope"):
        work = answer(readers, telemetry, sql, "TSV")
        try:
            asyncio.run(work)
        except Refused:
            continue
    counted = [
        telemetry.total("sql.queries", result=r) for r in ("ok", "refused", "failed")
    ]
    assert [2, 1, 1] == counted
