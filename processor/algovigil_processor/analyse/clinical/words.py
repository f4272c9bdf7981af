"""Which words mean disease: labels of models and of laboratories as classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

POSITIVE: Final = "+"
NEGATIVE: Final = "-"
_POSITIVE_WORDS: Final = frozenset({"1", "true", "positive", "malignant"})
_NEGATIVE_WORDS: Final = frozenset({"0", "false", "negative", "benign"})


class Words:
    """Maps words to classes: *positive* names the one that counts as disease."""

    def __init__(self, positive: str = "") -> None:
        self._positive = _plain(positive)

    @property
    def is_told(self) -> bool:
        """Whether the positive class has a name, so that every other is negative."""
        return bool(self._positive)

    def class_of(self, word: str) -> str:
        """Return `+`, `-`, or the word itself; '' is unknown."""
        plain = _plain(word)
        if self._positive:
            return POSITIVE if plain == self._positive else plain
        if plain in _POSITIVE_WORDS:
            return POSITIVE
        return NEGATIVE if plain in _NEGATIVE_WORDS else plain

    def classes_of(self, words: Sequence[str | None]) -> NDArray[np.object_]:
        """Return the class of each word (n,); each distinct word is mapped once."""
        given = np.array([w or "" for w in words], dtype=object)
        distinct, place = np.unique(given.astype(str), return_inverse=True)
        mapped = np.array([self.class_of(str(w)) for w in distinct], dtype=object)
        return mapped[place] if distinct.size else given


def _plain(word: str) -> str:
    text = word.strip().lower()
    try:
        return f"{float(text):g}"
    except ValueError:
        return text
