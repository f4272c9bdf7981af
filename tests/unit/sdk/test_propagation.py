from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator

from algovigil import semconv
from algovigil.propagation import PrivateBaggage
from algovigil.testing import capture

if TYPE_CHECKING:
    import pytest

KEY = "0123456789abcdef0123456789abcdef"
CARRIER = {
    "baggage": f"{semconv.PATIENT_ID}={quote('MRN 1234567')},{semconv.ENCOUNTER_ID}=e7,"
    "tenant=north"
}


def test_identifiers_of_baggage_become_pseudonyms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the way in they are replaced; on the way out they are gone; others stay."""
    monkeypatch.setenv("ALGOVIGIL_PHI_KEY", KEY)
    propagator = PrivateBaggage(W3CBaggagePropagator())
    with capture():
        found = propagator.extract(CARRIER)
    assert str(baggage.get_baggage(semconv.PATIENT_ID, found)).startswith("p_k1_")
    assert str(baggage.get_baggage(semconv.ENCOUNTER_ID, found)).startswith("p_k1_")
    sent: dict[str, str] = {}
    propagator.inject(sent, found)
    assert {"baggage": "tenant=north"} == sent


def test_without_a_key_identifiers_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to replace them with: they go."""
    monkeypatch.delenv("ALGOVIGIL_PHI_KEY", raising=False)
    with capture():
        found = PrivateBaggage(W3CBaggagePropagator()).extract(CARRIER)
    assert {"tenant": "north"} == dict(baggage.get_all(found))


def test_what_the_service_itself_put_in_is_not_sent_either() -> None:
    """An identifier set in process stays in process."""
    found = baggage.set_baggage(semconv.PATIENT_ID, "MRN 1234567")
    sent: dict[str, str] = {}
    PrivateBaggage(W3CBaggagePropagator()).inject(sent, found)
    assert {} == sent
