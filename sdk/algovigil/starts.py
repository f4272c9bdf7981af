"""Whether anybody looks at the attributes that a span starts with.

A sampler or a span processor may. OpenTelemetry's own do not, and its SDK takes longer
over four attributes at a span's start than over the whole of our copy of the rows:
where nobody looks they are put on the span when the call is booked.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_SDK: Final = "opentelemetry.sdk.trace"


class Starts:
    """Who looks at the spans of one tracer provider when they start.

    Args:
        provider: Any provider; one that is not the SDK's is held to look.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._chain: Final = getattr(provider, "_active_span_processor", None)
        self._blind: Final = _is_blind(getattr(provider, "sampler", None))
        self._known: Any = None
        self._seen = True

    def seen(self) -> bool:
        """Return whether somebody looks; processors may be added at any time."""
        processors = getattr(self._chain, "_span_processors", None)
        if processors is not self._known:
            self._known = processors
            self._seen = not (
                self._blind
                and isinstance(processors, tuple)
                and all(map(_is_deaf, processors))
            )
        return self._seen


def _is_blind(sampler: Any) -> bool:
    """Return whether *sampler* is the SDK's, and all that it asks are."""
    sdk: Any = sys.modules.get(f"{_SDK}.sampling")
    if sdk is None or type(sampler).__module__ != sdk.__name__:
        return False
    inner = (v for v in vars(sampler).values() if isinstance(v, sdk.Sampler))
    return all(map(_is_blind, inner))


def _is_deaf(processor: Any) -> bool:
    """Return whether *processor* does nothing of its own when a span starts."""
    module: str = getattr(type(processor).on_start, "__module__", "")
    return module == _SDK or module.startswith(f"{_SDK}.")
