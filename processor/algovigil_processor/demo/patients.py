"""Held-back patients of the Wisconsin data, with identities that never existed.

Every identity is made up and belongs to one carrier, so that a leak tells by which way
it came: header, query, baggage, the service's log line, the text of an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args
from urllib.parse import quote, urlencode

import numpy as np

from algovigil_processor.compliance.leaks import Canary

if TYPE_CHECKING:
    from collections.abc import Mapping

Carrier: TypeAlias = Literal["header", "query", "baggage", "log", "exception"]
CARRIERS: Final[tuple[Carrier, ...]] = get_args(Carrier)
SHIFTED: Final = ("mean texture", "worst texture", "worst smoothness")
SHIFT: Final = 1.9
"""The scanner fault: each feature of `SHIFTED` is multiplied by this, at one site."""
SITES: Final = ("north", "north", "north", "south")
"""Where visits come from, in turn; the scanner is that of the first."""
_IDENTITIES: Final = 8  # a carrier
_RAISE_EVERY: Final = 25  # requests

# Syllables that make surnames found in no other text of the traffic; 8 x 5 of them
# serve 8 identities for each of the 5 carriers.
_FIRST: Final = ("Oriana", "Thaddeus", "Zebulon", "Philippa", "Ignatius", "Rosalind")
_STEM: Final = ("Thorn", "Velas", "Ash", "Pember", "Quill", "Mar", "Osten", "Harrow")
_TAIL: Final = ("quist", "kowitz", "gravely", "lund", "feather")


@dataclass(frozen=True, slots=True)
class Identity:
    """A person who does not exist."""

    number: int
    name: str
    mrn: str
    phone: str
    birth_date: str

    def canaries(self, carrier: Carrier) -> list[Canary]:
        """Return what must be found nowhere; the kind tells the carrier too."""
        values = {**self.fields(), "surname": self.name.split()[-1]}
        return [
            Canary(f"{carrier}:{field} of {self.number}", value)
            for field, value in values.items()
        ]

    def fields(self) -> dict[str, str]:
        """Return the identity under the keys that services use for it."""
        return {
            "patient_name": self.name,
            "mrn": self.mrn,
            "phone": self.phone,
            "birth_date": self.birth_date,
        }


def identities(seed: int) -> dict[Carrier, list[Identity]]:
    """Return the identities of each carrier; all values are distinct."""
    rng = np.random.default_rng(seed)
    total = _IDENTITIES * len(CARRIERS)
    # ten digits: eight are met by chance among a thousand digests
    mrns = 1_000_000_000 + rng.choice(2**32, total, replace=False)
    lines = rng.choice(np.arange(1_000, 9_999), total, replace=False)
    days = rng.choice(np.arange(25_000), total, replace=False)
    surnames = [stem + tail for tail in _TAIL for stem in _STEM]
    people = [
        Identity(
            number=number,
            name=f"{_FIRST[number % len(_FIRST)]} {surnames[number]}",
            mrn=str(mrns[number]),
            phone=f"{201 + 7 * number}-555-{lines[number]}",
            birth_date=str(np.datetime64("1931-01-01") + int(days[number])),
        )
        for number in range(total)
    ]
    return {
        carrier: people[i * _IDENTITIES : (i + 1) * _IDENTITIES]
        for i, carrier in enumerate(CARRIERS)
    }


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of the ward: what is sent, and what pathology will say."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, object]
    trace_id: str
    diagnosis: str
    raises: bool


class Ward:
    """Draws visits with replacement from the held-back patients; seeded."""

    def __init__(self, seed: int) -> None:
        from sklearn.datasets import load_breast_cancer

        data = load_breast_cancer()
        self._features = data.data[1::2]
        self._names = [str(name) for name in data.feature_names]
        self._diagnoses = np.where(data.target[1::2] == 0, "malignant", "benign")
        self._rng = np.random.default_rng(seed)
        self._people = identities(seed)
        self._visits = 0
        self._planted: set[tuple[Carrier, int]] = set()

    def visit(self, *, shifted: bool) -> Visit:
        """Return the next visit; *shifted* puts the scanner's fault into it."""
        number = self._visits
        self._visits += 1
        row = int(self._rng.integers(len(self._features)))
        values = dict(zip(self._names, self._features[row].tolist(), strict=True))
        site = SITES[number % len(SITES)]
        if shifted and site == SITES[0]:
            values |= {name: values[name] * SHIFT for name in SHIFTED}
        raises = number % _RAISE_EVERY == _RAISE_EVERY - 1
        who = {carrier: self._person(carrier, number) for carrier in CARRIERS[:4]}
        features: dict[str, object] = dict(values)
        if raises:
            person = self._person("exception", number // _RAISE_EVERY)
            features["mean radius"] = ", ".join(person.fields().values())
        trace_id = self._rng.bytes(16).hex()
        return Visit(
            path="/score?" + urlencode(who["query"].fields()),
            headers={
                "traceparent": f"00-{trace_id}-{self._rng.bytes(8).hex()}-01",
                "baggage": _baggage(who["baggage"], site),
                "x-patient": "; ".join(
                    f"{key}={value}" for key, value in who["header"].fields().items()
                ),
            },
            body={
                "name": who["log"].name,
                "mrn": who["log"].mrn,
                "phone": who["log"].phone,
                "birth_date": who["log"].birth_date,
                "features": features,
            },
            trace_id=trace_id,
            diagnosis=str(self._diagnoses[row]),
            raises=raises,
        )

    def _person(self, carrier: Carrier, number: int) -> Identity:
        index = number % _IDENTITIES
        self._planted.add((carrier, index))
        return self._people[carrier][index]

    def planted(self) -> list[Canary]:
        """Return the canaries of every identity sent so far."""
        return [
            canary
            for carrier, index in sorted(self._planted)
            for canary in self._people[carrier][index].canaries(carrier)
        ]


def _baggage(person: Identity, site: str) -> str:
    about = {"medical_ai.patient.id": person.mrn, "medical_ai.site": site}
    fields = {**about, **person.fields()}
    return ",".join(f"{key}={quote(value)}" for key, value in fields.items())
