"""Which model call is the outermost one, wherever its work runs.

Invariant: while a call is recorded, or work that predicts but is no prediction runs
(fit, cross-validation, transform, score), nothing inside it is recorded again, in
its own thread, in joblib's threads and in joblib's processes alike. This module
imports nothing, because joblib's processes import it to run a work item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Final, Protocol


class Outer(Protocol):
    """What surrounds the code that runs now."""

    @property
    def absorbs(self) -> bool:
        """Whether it wants the inputs and outputs of the first call inside it."""
        ...


class _Quiet:
    """Work inside which nothing is recorded."""

    absorbs: Final = False


QUIET: Final = _Quiet()
active: Final[ContextVar[Outer | None]] = ContextVar("algovigil_active", default=None)


def within(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return `work(*args, **kwargs)`, run as work inside which nothing is recorded."""
    token = active.set(QUIET)
    try:
        return work(*args, **kwargs)
    finally:
        active.reset(token)


class Inner:
    """A work item of an outer call: it carries the mark to wherever it is run.

    A context variable reaches neither joblib's threads nor its processes; a work item
    reaches both. Plain attributes, so that pickle takes it.
    """

    def __init__(self, work: Callable[..., Any]) -> None:
        self.work = work

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the work item under the mark."""
        outer = active.get()
        if outer is not None and not outer.absorbs:
            return self.work(*args, **kwargs)
        return within(self.work, *args, **kwargs)


Item = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def carried(items: Iterable[Item]) -> Iterable[Item]:
    """Return joblib's work *items*, each carrying the mark if there is one now."""
    if active.get() is None:
        return items
    if hasattr(items, "__len__"):  # joblib shows progress by the length
        return [(Inner(work), args, kwargs) for work, args, kwargs in items]
    return _each(items)


def _each(items: Iterable[Item]) -> Iterator[Item]:
    for work, args, kwargs in items:
        yield Inner(work), args, kwargs
