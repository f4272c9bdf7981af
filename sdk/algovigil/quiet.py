"""The one guard around our own work inside other people's calls.

Invariant: an error of ours is logged by its type, once a place, and goes no further;
what the guarded work was about (values, messages) is never logged.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_log: Final = logging.getLogger("algovigil")
_told: Final[set[tuple[str, str]]] = set()

P = ParamSpec("P")
T = TypeVar("T")


def quiet(work: Callable[P, T]) -> Callable[P, T | None]:
    """Return *work* with every `Exception` turned into None and one log line."""

    @functools.wraps(work)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return work(*args, **kwargs)
        except Exception as error:
            tell(work.__qualname__, error)
            return None

    return guarded


def tell(place: str, error: BaseException) -> None:
    """Log that *place* failed, by the type of *error*, the first time it does."""
    seen = (place, type(error).__qualname__)
    if seen not in _told:
        _told.add(seen)
        _log.warning("algovigil: %s failed: %s; the call went on", *seen)
