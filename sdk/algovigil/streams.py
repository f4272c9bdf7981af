"""Answers that come bit by bit: generators, coroutines and async generators.

Invariant: the caller gets what it would have got, item by item, of the same type; the
call is recorded once, when the stream ends, is closed, fails or is thrown away. Time
that the caller takes between items is part of the call's duration, as it is for it.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from numbers import Real
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, Final

from algovigil.quiet import quiet

if TYPE_CHECKING:
    from algovigil.call import Call

KINDS: Final = frozenset((GeneratorType, AsyncGeneratorType, CoroutineType))

Finish = Callable[["Call", Any], object]
"""Ends a call with what it answered."""


class Items:
    """What a stream gave so far, if it is something to keep.

    Numbers only, one a row: pieces of text are free text, whatever their size.
    """

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._kept: list[Any] | None = []

    def keep(self, item: Any) -> None:
        """Keep *item*; one that is no number, or one too many, drops them all."""
        if self._kept is None:
            return
        if isinstance(item, Real) and len(self._kept) < self._most:
            self._kept.append(item)
        else:
            self._kept = None

    @property
    def answer(self) -> list[Any] | None:
        """Return all items, None unless each is worth keeping."""
        return self._kept or None


def follow(call: Call, result: Any, finish: Finish) -> Any:
    """Return *result*, a stream of one of `KINDS`, so that its end ends *call*."""
    call.pause()
    if isinstance(result, CoroutineType):
        followed: Any = _awaited(call, result, finish)
    elif isinstance(result, AsyncGeneratorType):
        followed = _async_items(call, result, finish)
    else:
        followed = _items(call, result, finish)
    # one that is never begun has no end that would be noticed
    weakref.finalize(followed, quiet(finish), call, None).atexit = False
    return followed


async def _awaited(call: Call, inner: Coroutine[Any, Any, Any], finish: Finish) -> Any:
    call.resume()
    try:
        result = await inner
    except BaseException as error:
        call.error = error
        finish(call, None)
        raise
    finish(call, result)
    return result


def _items(
    call: Call, inner: Generator[Any, Any, Any], finish: Finish
) -> Generator[Any, Any, Any]:
    items = Items(call.most_rows)
    step, value = inner.send, None
    try:
        while True:
            call.resume()
            try:
                item = step(value)
            finally:
                call.pause()
            items.keep(item)
            try:
                step, value = inner.send, (yield item)
            except GeneratorExit:
                inner.close()
                raise
            except BaseException as thrown:  # of the caller, into the generator
                step, value = inner.throw, thrown
    except StopIteration as stop:
        return stop.value
    except GeneratorExit:
        raise  # closed before its end: no failure of the model
    except BaseException as error:
        call.error = error
        raise
    finally:
        finish(call, items.answer)


async def _async_items(
    call: Call, inner: AsyncGenerator[Any, Any], finish: Finish
) -> AsyncGenerator[Any, Any]:
    items = Items(call.most_rows)
    step, value = inner.asend, None
    try:
        while True:
            call.resume()
            try:
                item = await step(value)
            finally:
                call.pause()
            items.keep(item)
            try:
                step, value = inner.asend, (yield item)
            except GeneratorExit:
                await inner.aclose()
                raise
            except BaseException as thrown:
                step, value = inner.athrow, thrown
    except StopAsyncIteration:
        return
    except GeneratorExit:
        raise
    except BaseException as error:
        call.error = error
        raise
    finally:
        finish(call, items.answer)
