"""Baggage that names a patient: pseudonymised on the way in, removed on the way out.

Invariant: no identifier that a client put in `medical_ai.patient.id` or
`medical_ai.encounter.id` stands in the context of a request, and neither it nor its
pseudonym is sent on to other services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import baggage, context, propagate
from opentelemetry.propagators.textmap import (
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)

from algovigil import semconv, signals
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.propagators.textmap import CarrierT, Getter

KINDS: Final = {semconv.PATIENT_ID: "patient", semconv.ENCOUNTER_ID: "encounter"}


class PrivateBaggage(TextMapPropagator):
    """Another propagator, kept from carrying identifiers."""

    def __init__(self, inner: TextMapPropagator) -> None:
        self.inner: Final = inner

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Extract as the inner propagator does, and replace identifiers."""
        found = self.inner.extract(carrier, context, getter)
        for name, kind in KINDS.items():
            value = baggage.get_baggage(name, found)
            if value is not None:
                token = _pseudonym(value, kind)
                found = baggage.remove_baggage(name, found)
                if token is not None:
                    found = baggage.set_baggage(name, token, found)
        return found

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Inject as the inner propagator does, without identifiers."""
        self.inner.inject(carrier, _without(context), setter)

    @property
    def fields(self) -> set[str]:
        """Return the fields that the inner propagator sets."""
        return self.inner.fields


@quiet
def _pseudonym(value: object, kind: str) -> str | None:
    return signals.current().protector.pseudonym(value, kind)


def _without(given: Context | None) -> Context:
    found = context.get_current() if given is None else given
    carried: Any = baggage.get_all(found)
    for name in KINDS:
        if name in carried:
            found = baggage.remove_baggage(name, found)
    return found


def install() -> None:
    """Make the global propagator private, once."""
    inner = propagate.get_global_textmap()
    if not isinstance(inner, PrivateBaggage):
        propagate.set_global_textmap(PrivateBaggage(inner))
