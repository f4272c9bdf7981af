"""Subgroups of patients by words that tell nobody apart."""

from __future__ import annotations

import re
from typing import Any, Final

OLDEST: Final = 90
"""From this age on there is one band: 45 CFR 164.514(b)(2)(i)(C)."""
_AGE: Final = re.compile(r"\s*(\d{1,3})(?:\.\d+)?\s*([YMWD]?)\s*", re.ASCII)
_PER_YEAR: Final = {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}


def age_band(age: Any) -> str | None:
    """Return the decade of *age*, `60-69`, or `90+`; None if it is no age.

    Args:
        age: Years as a number or text, or DICOM's age string such as `064Y`, `011M`.
    """
    match = _AGE.fullmatch(str(age))
    if match is None:
        return None
    years = int(match[1]) // _PER_YEAR[match[2]]
    decade = years // 10 * 10
    return f"{OLDEST}+" if years >= OLDEST else f"{decade}-{decade + 9}"
