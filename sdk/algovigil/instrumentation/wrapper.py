"""The one wrapper around methods of frameworks.

Invariant: the method is called once, with the caller's arguments, and what it returns
or raises is what the caller gets; everything else here may fail without a trace.

Methods are replaced by plain functions, not by object proxies: a bound method must
still pickle, since frameworks send `model.predict` to worker processes.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from types import MethodType
from typing import TYPE_CHECKING, Any, Final, cast

from algovigil import inference, nesting, streams
from algovigil.call import Call
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from algovigil.model import Model

MARK: Final = "__algovigil__"


def first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the rows of a call whose first argument they are."""
    return args[0] if args else next(iter(kwargs.values()), None)


@dataclass(frozen=True, slots=True)
class Reader:
    """How a framework's calls are read. All of it runs while the caller waits.

    Args:
        describe: What a model object is, None for one whose calls are none of ours.
        rows: The rows, of the arguments; see `hold.take` for what they may be.
        answer: Keeps what a method returned; absent, the result is the answer.
        counts: Whether a call with these arguments predicts; absent, each does.
        follow: Lets the end of a result, a stream of the framework's own, end the call:
            returns what the caller gets, None for a result that is no stream.
    """

    describe: Callable[[Any], Model | None]
    rows: Callable[[tuple[Any, ...], dict[str, Any]], Any] = first
    answer: Callable[[Call, Model, str, Any], object] = Call.answer
    counts: Callable[[Any, tuple[Any, ...], dict[str, Any]], bool] | None = None
    follow: Callable[[Call, Any, streams.Finish], Any] | None = None


def recorded(
    method: Callable[..., Any], operation: str, reader: Reader
) -> Callable[..., Any]:
    """Return *method* of a model, each outermost call of which is recorded."""
    surrounding = nesting.active.get  # looked up a hundred times in a forest's call
    if inspect.iscoroutinefunction(method):
        return _recorded_coroutine(method, operation, reader)

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        outer = surrounding()
        if outer is None:
            begun = begin(reader, operation, self, args, kwargs)
            if begun is None:
                return nesting.within(method, self, *args, **kwargs)
            try:
                result = method(self, *args, **kwargs)
            except BaseException as error:
                begun.error = error
                inference.finish(begun)
                raise
            if reader.follow is not None or type(result) in streams.KINDS:
                return _followed(begun, reader, operation, result)
            finish(begun, reader, operation, result)
            return result
        if not outer.absorbs:
            return method(self, *args, **kwargs)
        wanted = _absorb(outer, reader, operation, self, args, kwargs)
        result = nesting.within(method, self, *args, **kwargs)
        if wanted is not None and type(result) not in streams.KINDS:
            _answer(outer, reader, wanted, operation, result)
        return result

    setattr(call, MARK, True)
    return call


def _recorded_coroutine(
    method: Callable[..., Any], operation: str, reader: Reader
) -> Callable[..., Any]:
    """Return *method*, a coroutine function, as another that is recorded."""

    @functools.wraps(method)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        outer = nesting.active.get()
        begun = wanted = None
        if outer is None:
            begun = begin(reader, operation, self, args, kwargs)
        elif outer.absorbs:
            wanted = _absorb(outer, reader, operation, self, args, kwargs)
        token = nesting.active.set(nesting.QUIET) if begun is None else None
        try:
            result = await method(self, *args, **kwargs)
        except BaseException as error:
            if begun is not None:
                begun.error = error
                inference.finish(begun)
            raise
        finally:
            if token is not None:
                nesting.active.reset(token)
        if begun is not None:
            finish(begun, reader, operation, result)
        elif wanted is not None:
            _answer(outer, reader, wanted, operation, result)
        return result

    setattr(call, MARK, True)
    return call


def unrecorded(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return *method* as work inside which no call is recorded."""

    @functools.wraps(method)
    def work(*args: Any, **kwargs: Any) -> Any:
        outer = nesting.active.get()
        if outer is not None and not outer.absorbs:
            return method(*args, **kwargs)
        return nesting.within(method, *args, **kwargs)

    setattr(work, MARK, True)
    return work


@quiet
def begin(
    reader: Reader,
    operation: str,
    model: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Call | None:
    """Begin a call of *model* and keep its rows; None if it is none of ours."""
    if not inference.wanted():
        return None
    if reader.counts is not None and not reader.counts(model, args, kwargs):
        return None
    described = reader.describe(model)
    if described is None:
        return None
    call = Call(described, operation, model)
    call.begin(None, reader.rows(args, kwargs), described.feature_names)
    return call


@quiet
def finish(call: Call, reader: Reader, operation: str, result: Any) -> None:
    """End *call*, which answered *result*."""
    try:
        call.stop()
        if result is not None:
            reader.answer(call, call.model, operation, result)
    finally:
        call.end()


def _followed(call: Call, reader: Reader, operation: str, result: Any) -> Any:
    """Return *result*, which ends the call now or, if it is a stream, at its end."""

    def end(call: Call, answer: Any) -> None:
        finish(call, reader, operation, answer)

    if type(result) in streams.KINDS:
        return streams.follow(call, result, end)
    followed = quiet(reader.follow)(call, result, end) if reader.follow else None
    if followed is None:
        end(call, result)
        return result
    return followed


@quiet
def _absorb(
    outer: Any,
    reader: Reader,
    operation: str,
    model: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Model | None:
    if reader.counts is not None and not reader.counts(model, args, kwargs):
        return None
    described = reader.describe(model)
    if described is None:
        return None
    wanted = outer.absorb(described, operation, reader.rows(args, kwargs), model)
    return described if wanted else None


@quiet
def _answer(
    outer: Any, reader: Reader, model: Model, operation: str, result: Any
) -> None:
    if result is not None:
        reader.answer(outer, model, operation, result)


class Conditional:
    """A method that some instances have and some have not, kept so.

    Args:
        inner: The descriptor that decides, such as scikit-learn's `available_if`.
        wrap: Makes the recorded method of a plain one.
    """

    def __init__(
        self, inner: Any, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        self._inner = inner
        self._wrap = wrap

        def through(self: Any, *args: Any, **kwargs: Any) -> Any:
            return inner.__get__(self, type(self))(*args, **kwargs)

        functools.update_wrapper(through, inner)
        self._outer = wrap(through)
        functools.update_wrapper(cast("Any", self), inner)
        setattr(self, MARK, True)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Return what the inner descriptor grants, recorded if it is a method."""
        if instance is None:
            return self._outer
        found = self._inner.__get__(instance, owner)
        if not callable(found):
            return found  # a property that is the prediction: it is as it was
        if isinstance(self._inner, property):  # its getter runs once a look
            return functools.partial(self._wrap(_ignoring_self(found)), instance)
        return MethodType(self._outer, instance)


def _ignoring_self(found: Callable[..., Any]) -> Callable[..., Any]:
    def method(_: object, /, *args: Any, **kwargs: Any) -> Any:
        return found(*args, **kwargs)

    return method
