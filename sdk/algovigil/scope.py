"""A block of code that says whom its model calls are about.

Invariant: what the caller of a call says goes before what the block says, the inner
block before the outer, and any block before the baggage.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import baggage
from opentelemetry import context as otel_context

from algovigil import about, signals
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context

_KEY: Final = "algovigil.scope"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class context:  # noqa: N801 # a context manager is used like a function
    """Say whom the model calls in the `with` block are about.

    Args:
        patient_id, encounter_id: Identifiers, replaced by their pseudonyms.
        inference_id: Id of the first call in the block, which outcomes will name.
        site: Site or unit that uses the model.
        sex, age_band, device: Subgroups; an age in years becomes its decade.
        subgroup: Further dimension to value, such as `{"ward": "ICU"}`.

    It holds in coroutines and tasks that the block starts. A thread has it if its work
    runs in a copy of the context (that of `asyncio.to_thread` does) or under
    OpenTelemetry's threading instrumentation.
    """

    __slots__ = ("_given", "_token")

    def __init__(
        self,
        *,
        patient_id: str | None = None,
        encounter_id: str | None = None,
        inference_id: str | None = None,
        site: str | None = None,
        sex: str | None = None,
        age_band: str | float | None = None,
        device: str | None = None,
        subgroup: Mapping[str, str] | None = None,
    ) -> None:
        self._given = about.named(
            inference_id=inference_id,
            patient_id=patient_id,
            encounter_id=encounter_id,
            site=site,
            sex=sex,
            age_band=age_band,
            device=device,
            subgroup=subgroup,
        )
        self._token: Token[Context] | None = None

    def __enter__(self) -> context:
        """Begin the block."""
        self._enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the block."""
        if self._token is not None:
            otel_context.detach(self._token)
            self._token = None

    @quiet
    def _enter(self) -> None:
        inner = about.clean(self._given, signals.current().protector)
        both = MappingProxyType({**current(), **inner})
        self._token = otel_context.attach(otel_context.set_value(_KEY, both))


def current(here: Context | None = None) -> Mapping[str, str]:
    """Return what the blocks around *here* (absent: this code) say, clean."""
    found: Any = otel_context.get_value(_KEY, here)
    return _NOTHING if found is None else found


def carried(here: Context) -> Mapping[str, Any]:
    """Return the baggage of *here*, as it came."""
    return baggage.get_all(here)
