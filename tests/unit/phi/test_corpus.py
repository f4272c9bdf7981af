"""What the rules find on labelled corpora, held to the figures of `docs/phi.md`."""

from __future__ import annotations

import pytest
from tests.phi.corpus import CLEAN, SETS, Item, corpus, templates
from tests.phi.score import Score, dev_corpus

from algovigil.phi import Protector

PROTECTOR = Protector(key=b"test-key-of-32-bytes-or-more-.....", this_year=2026)
STRUCTURED = ("attr", "hl7", "fhir", "dicom", "xml")
NEVER = {"SSN", "MRN", "EMAIL"}


def scored(items: list[Item]) -> Score:
    score = Score()
    for item in items:
        found = PROTECTOR.redactions(item.key, item.text)
        score.add(item, [(f.start, f.end) for f in found])
    return score


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(dev_corpus(), id="development corpus"),
        *(
            pytest.param(list(corpus(templates(name), 4, 7)), id=f"set {name}")
            for name in SETS
        ),
    ],
)
def test_the_floors_hold(items: list[Item]) -> None:
    """Recall, precision, clean strings and masked text stay within their bounds."""
    score = scored(items)
    within_bounds(score)
    assert score.surface(*STRUCTURED) >= 0.99
    places = {item.id: item.surface for item in items}
    left = [m for m in score.missed if m[0] in NEVER and places[m[1]] in STRUCTURED]
    assert left == []


@pytest.mark.parametrize("name", SETS)
def test_names_of_other_countries_are_found(name: str) -> None:
    """With names that the US lists mostly do not hold, the bounds are kept too."""
    within_bounds(scored(list(corpus(templates(name), 4, 7, names="world"))))


def test_texts_without_identifiers_stay() -> None:
    """Telemetry of models, machines and notes that names nobody."""
    score = scored(list(corpus(templates(CLEAN), 4, 7)))
    assert score.clean_hit <= 0.01


def within_bounds(score: Score) -> None:
    assert score.recall >= 0.96, score.missed[:20]
    assert score.precision >= 0.95
    assert score.clean_hit <= 0.01
    assert score.over_masked <= 0.03
