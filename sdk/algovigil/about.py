"""Whom a call is about: patient, encounter, site, subgroup; and the id it was given.

Invariant: identifiers leave only as their pseudonyms; other values are cleaned by the
PHI rules, and what is too long to be a word of a closed vocabulary is left out.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from algovigil import semconv
from algovigil.subgroups import age_band as band

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil.phi import Protector

_IDENTIFIERS: Final = {semconv.PATIENT_ID: "patient", semconv.ENCOUNTER_ID: "encounter"}
_TEXTS: Final = frozenset({semconv.INFERENCE_ID, semconv.SITE})
_SUBGROUP: Final = f"{semconv.SUBGROUP}."
_MOST_CHARS: Final = 128
_MOST_CLAIMS: Final = 4096

_claimed: Final[OrderedDict[str, None]] = OrderedDict()
_claims: Final = threading.Lock()


def named(
    *,
    inference_id: str | None = None,
    patient_id: str | None = None,
    encounter_id: str | None = None,
    site: str | None = None,
    sex: str | None = None,
    age_band: str | float | None = None,
    device: str | None = None,
    subgroup: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what is given, as it is, by the attribute that it will be."""
    if isinstance(age_band, (int, float)):
        age_band = band(age_band)
    dimensions = {"sex": sex, "age_band": age_band, "device": device}
    found = {
        semconv.INFERENCE_ID: inference_id,
        semconv.PATIENT_ID: patient_id,
        semconv.ENCOUNTER_ID: encounter_id,
        semconv.SITE: site,
        **{_SUBGROUP + name: value for name, value in dimensions.items()},
        **{_SUBGROUP + name: value for name, value in (subgroup or {}).items()},
    }
    return {name: value for name, value in found.items() if value is not None}


def clean(given: Mapping[str, Any], protector: Protector) -> dict[str, str]:
    """Return those of *given* that may leave the process, as they may."""
    found = {}
    for name, value in given.items():
        if name in _IDENTIFIERS:
            token = protector.pseudonym(value, _IDENTIFIERS[name])
            if token is not None:
                found[name] = token
        elif name in _TEXTS or name.startswith(_SUBGROUP):
            text = str(value)
            if text and len(text) <= _MOST_CHARS:
                found[name] = protector.clean(name, text)
    return found


def inference_id(
    told: Mapping[str, Any],
    block: Mapping[str, str],
    brought: Mapping[str, Any],
    protector: Protector,
) -> str | None:
    """Return the id that a call was given, None if it has that of its span.

    An id of a block or of the baggage is that of the first call that it meets: two
    calls of one id would share an outcome.
    """
    own = told.get(semconv.INFERENCE_ID)
    if own is not None:
        return clean({semconv.INFERENCE_ID: own}, protector).get(semconv.INFERENCE_ID)
    given = block.get(semconv.INFERENCE_ID) or brought.get(semconv.INFERENCE_ID)
    if given is None:
        return None
    found = clean({semconv.INFERENCE_ID: given}, protector).get(semconv.INFERENCE_ID)
    return found if found and _claim(found) else None


def _claim(given: str) -> bool:
    """Return whether nobody had this id before, of the last few thousand."""
    with _claims:
        if given in _claimed:
            return False
        _claimed[given] = None
        if len(_claimed) > _MOST_CLAIMS:
            _claimed.popitem(last=False)
        return True
