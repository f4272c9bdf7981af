"""The exception tree of the SDK, and the one shape of every message.

    AlgovigilError
    ├── ConfigError        a setting is unknown, of the wrong type, or contradictory
    ├── Unavailable        the processor cannot be reached or refuses; try again later
    └── OutboxFull         outcomes cannot be kept safe: the disk bound is reached

A message says what was found, what was expected, and what to do next.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class AlgovigilError(Exception):
    """The root of every error that this package raises on purpose."""

    exit_code: ClassVar[int] = 1
    """What the command line returns when the error ends it."""


class ConfigError(AlgovigilError):
    """A setting that cannot be obeyed; raised at start, never later."""

    exit_code = 2


class Unavailable(AlgovigilError):
    """The processor did not answer, or asked us to come back later."""


class OutboxFull(AlgovigilError):
    """The outcome outbox reached its bound; the outcome was not recorded."""


def explain(found: str, expected: str, hint: str = "") -> str:
    """Return *found*, *expected* and *hint* as the one shape of our messages."""
    text = f"found: {found}; expected: {expected}"
    return f"{text}; hint: {hint}" if hint else text


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word most like *word*, or ''."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean `{match[0]}`?" if match else ""
