"""The one wrapper around methods of frameworks.

Invariant: the method is called once, with the caller's arguments, and what it returns
or raises is what the caller gets; everything else here may fail without a trace.

Methods are replaced by plain functions, not by object proxies: a bound method must
still pickle, since frameworks send `model.predict` to worker processes.
"""

from __future__ import annotations

import functools
import inspect
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, cast

from algovigil import inference, nesting
from algovigil.call import Call
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from algovigil.model import Model

MARK: Final = "__algovigil__"

_REPLACED: Final[list[tuple[Any, str, Any, Any]]] = []
"""Owner, name, what was there and what is there now."""


def recorded(
    method: Callable[..., Any], operation: str, describe: Callable[[Any], Model]
) -> Callable[..., Any]:
    """Return *method* of a model, each outermost call of which is recorded."""
    surrounding = nesting.active.get  # looked up a hundred times in a forest's call

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        outer = surrounding()
        if outer is None:
            begun = _begin(describe, operation, self, args, kwargs)
            if begun is None:
                return nesting.within(method, self, *args, **kwargs)
            try:
                result = method(self, *args, **kwargs)
            except BaseException as error:
                begun.error = error
                inference.finish(begun)
                raise
            _finish(begun, operation, result)
            return result
        if not outer.absorbs:
            return method(self, *args, **kwargs)
        wanted = _absorb(outer, describe, operation, self, args, kwargs)
        result = nesting.within(method, self, *args, **kwargs)
        if wanted is not None:
            _answer(outer, wanted, operation, result)
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
def _begin(
    describe: Callable[[Any], Model],
    operation: str,
    model: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Call | None:
    if not inference.wanted():
        return None
    described = describe(model)
    call = Call(described, operation, model)
    call.begin(None, _rows(args, kwargs), described.feature_names)
    return call


@quiet
def _finish(call: Call, operation: str, result: Any) -> None:
    call.end(operation, result)


@quiet
def _absorb(
    outer: Any,
    describe: Callable[[Any], Model],
    operation: str,
    model: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Model | None:
    described = describe(model)
    wanted = outer.absorb(described, operation, _rows(args, kwargs), model)
    return described if wanted else None


@quiet
def _answer(outer: Any, model: Model, operation: str, result: Any) -> None:
    outer.answer(model, operation, result)


def _rows(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0] if args else kwargs.get("X")


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

        def through(self: Any, *args: Any, **kwargs: Any) -> Any:
            return inner.__get__(self, type(self))(*args, **kwargs)

        functools.update_wrapper(through, inner)
        self._outer = wrap(through)
        functools.update_wrapper(cast("Any", self), inner)
        setattr(self, MARK, True)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Return the recorded method if the inner descriptor grants one."""
        if instance is None:
            return self._outer
        self._inner.__get__(instance, owner)
        return MethodType(self._outer, instance)


def replace(
    kind: type,
    names: Iterable[str],
    wrap: Callable[[Callable[..., Any], str], Callable[..., Any]],
) -> None:
    """Replace the methods *names* that *kind* itself defines, once."""
    for name in names:
        found = kind.__dict__.get(name)
        if found is None or getattr(found, MARK, False):
            continue
        if isinstance(found, FunctionType):
            new: Any = wrap(found, name)
        elif hasattr(type(found), "__get__") and not isinstance(
            found, (staticmethod, classmethod)
        ):
            new = Conditional(found, functools.partial(_named, wrap, name))
        else:
            continue
        _REPLACED.append((kind, name, found, new))
        setattr(kind, name, new)


def _named(
    wrap: Callable[[Callable[..., Any], str], Callable[..., Any]],
    name: str,
    method: Callable[..., Any],
) -> Callable[..., Any]:
    return wrap(method, name)


def replace_function(
    module: Any, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Replace the function *name* of *module*, if it is there, once."""
    found = getattr(module, name, None)
    if inspect.isfunction(found) and not getattr(found, MARK, False):
        new = wrap(found)
        _REPLACED.append((module, name, found, new))
        setattr(module, name, new)


def restore() -> None:
    """Put back what was replaced, except where others wrapped it again since."""
    while _REPLACED:
        owner, name, found, new = _REPLACED.pop()
        if vars(owner).get(name) is new:
            setattr(owner, name, found)
