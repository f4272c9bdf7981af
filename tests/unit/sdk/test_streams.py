from __future__ import annotations

import asyncio
import gc
import inspect
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any

import pytest

from algovigil import monitor, nesting, semconv, track_inference
from algovigil.instrumentation.wrapper import Reader, recorded
from algovigil.model import Model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from algovigil.testing import Captured

MODEL = Model("m", "1")


class Plain:
    """A framework's model that answers in every way there is."""

    def items(self, rows: list[list[float]]) -> Iterator[float]:
        for row in rows:
            yield sum(row)

    def words(self, rows: list[list[float]]) -> Iterator[str]:
        yield from ("John", "Smith")

    def fails(self, rows: list[list[float]]) -> Iterator[float]:
        yield 1.0
        raise KeyError

    def echo(self, rows: list[list[float]]) -> Any:
        got = yield 0.0
        try:
            got = yield got
        except ValueError:
            got = yield -1.0
        return "done"

    async def later(self, rows: list[list[float]]) -> list[float]:
        await asyncio.sleep(0)
        return [sum(row) for row in rows]

    async def stream(self, rows: list[list[float]]) -> AsyncIterator[float]:
        for row in rows:
            await asyncio.sleep(0)
            yield sum(row)


READER = Reader(lambda _: MODEL)
Watched: Any = type(
    "Watched",
    (Plain,),
    {
        name: recorded(method, name, READER)
        for name, method in vars(Plain).items()
        if not name.startswith("_")
    },
)
ROWS = [[1.0, 2.0], [3.0, 4.0]]


def attributes(captured: Captured) -> list[dict[str, Any]]:
    return [dict(span.attributes or {}) for span in captured.spans]


def test_a_generator_is_recorded_when_it_is_exhausted(captured: Captured) -> None:
    """Item by item as before; one record, with the answer of each row."""
    stream = Watched().items(ROWS)
    assert isinstance(stream, GeneratorType)
    assert 3.0 == next(stream)
    assert () == captured.spans
    assert nesting.active.get() is None
    assert [7.0] == list(stream)
    (found,) = attributes(captured)
    assert (3.0, 7.0) == found[semconv.PREDICTION_SCORES]
    assert 2 == found[semconv.ROWS]


@pytest.mark.parametrize("how", ["close", "drop", "unstarted"])
def test_a_stream_that_is_left_is_recorded_too(captured: Captured, how: str) -> None:
    """Closed, thrown away or never begun: one record, and no failure."""
    stream = Watched().items(ROWS)
    if how != "unstarted":
        next(stream)
    if how == "close":
        stream.close()
    del stream
    gc.collect()
    (found,) = attributes(captured)
    assert "error.type" not in found


def test_an_error_in_mid_stream(captured: Captured) -> None:
    """It reaches the caller, and its type the record."""
    with pytest.raises(KeyError):
        list(Watched().fails(ROWS))
    (found,) = attributes(captured)
    assert "KeyError" == found["error.type"]


def test_what_a_caller_sends_and_throws_arrives(captured: Captured) -> None:
    """A generator is a coroutine of old: send, throw and return go through."""
    stream = Watched().echo(ROWS)
    assert 0.0 == next(stream)
    assert "hello" == stream.send("hello")
    assert -1.0 == stream.throw(ValueError)
    with pytest.raises(StopIteration, match="done"):
        next(stream)
    assert 1 == len(captured.spans)


def test_words_of_a_stream_are_not_kept(captured: Captured) -> None:
    """Pieces of text are free text."""
    assert ["John", "Smith"] == list(Watched().words(ROWS))
    assert semconv.PREDICTION_LABELS not in attributes(captured)[0]


def test_coroutines_and_async_generators(captured: Captured) -> None:
    """Many at once are a record each, and functions stay what they were."""
    assert inspect.iscoroutinefunction(Watched.later)

    async def gather(stream: Any) -> list[float]:
        return [item async for item in stream]

    async def work() -> Any:
        model = Watched()
        assert isinstance(model.stream(ROWS), AsyncGeneratorType)
        return await asyncio.gather(
            model.later(ROWS), gather(model.stream(ROWS)), model.later(ROWS)
        )

    assert [[3.0, 7.0]] * 3 == asyncio.run(work())
    gc.collect()
    found = attributes(captured)
    assert 3 == sum(a.get(semconv.PREDICTION_SCORES) == (3.0, 7.0) for a in found)
    assert 4 == len(found)  # with the one that nobody awaited


def test_a_cancelled_call_is_one_record(captured: Captured) -> None:
    """Cancellation goes through, recorded by its type."""

    async def work() -> None:
        task = asyncio.create_task(Watched().later(ROWS))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    (found,) = attributes(captured)
    assert found["error.type"].endswith("CancelledError")


def test_monitor_follows_streams(captured: Captured) -> None:
    """A decorated generator is one call, and models inside it belong to it."""

    @monitor("outer")
    def score(rows: list[list[float]]) -> Iterator[float]:
        yield from Watched().items(rows)

    assert [3.0, 7.0] == list(score(ROWS))
    (found,) = attributes(captured)
    assert "outer" == found[semconv.MODEL_NAME]
    assert (3.0, 7.0) == found[semconv.PREDICTION_SCORES]


def test_a_stream_inside_a_call_by_hand(captured: Captured) -> None:
    """The call by hand is the record; the stream inside makes none."""
    with track_inference("by hand"):
        assert [3.0, 7.0] == list(Watched().items(ROWS))
    assert ["predict by hand"] == [span.name for span in captured.spans]
