"""Arrays of a call that travel as attributes: values judged by their names.

On a span the rows of a call are JSON arrays, and element i of the values belongs to
name i modulo the number of names. Invariant: a value under a name that tells an
identifier never stays; arrays that cannot be read go wholly.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from algovigil import semconv

if TYPE_CHECKING:
    from algovigil.phi import Protector

NAMES_OF: Final = {
    semconv.FEATURE_VALUES: semconv.FEATURE_NAMES,
    semconv.CATEGORY_VALUES: semconv.CATEGORY_NAMES,
}
"""Key of the values to key of their names."""

KEYS: Final = frozenset((*NAMES_OF, *NAMES_OF.values()))


def tells(protector: Protector, names: str | None) -> bool:
    """Return whether *names*, a JSON array, holds the name of an identifier."""
    listed = _array(names)
    return listed is None or any(protector.classify_key(str(n)) for n in listed)


def judged(protector: Protector, names: str | None, values: str) -> str:
    """Return *values* with the identifiers among them replaced."""
    listed, elements = _array(names), _array(values)
    if not listed or elements is None:
        return "[REDACTED]"
    cleaned = [
        _element(protector, str(listed[i % len(listed)]), element)
        for i, element in enumerate(elements)
    ]
    return values if cleaned == elements else json.dumps(cleaned, ensure_ascii=False)


def _element(protector: Protector, name: str, element: object) -> object:
    if isinstance(element, (int, float)) and not isinstance(element, bool):
        return protector.number(name, element)
    return protector.clean(name, element) if isinstance(element, str) else element


def _array(text: str | None) -> list[object] | None:
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None
