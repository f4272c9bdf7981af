"""Which words mean disease: labels of models and of laboratories as classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
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

    def classes_of(self, words: pa.ChunkedArray) -> NDArray[np.object_]:
        """Return the class of each word (n,); each distinct word is mapped once."""
        found, place = distinct(words)
        return np.array([self.class_of(word) for word in found], dtype=object)[place]


def distinct(words: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """Return the distinct *words* (n,), '' for null, and which of them each is (n,)."""
    encoded = words.cast(pa.string()).fill_null("").dictionary_encode()
    whole = encoded.unify_dictionaries()
    if not len(whole):
        return [], np.zeros(0, np.int64)
    place = np.concatenate([chunk.indices.to_numpy() for chunk in whole.chunks])
    # of the distinct words, which are few
    return whole.chunk(0).dictionary.to_pylist(), place.astype(np.int64)


def _plain(word: str) -> str:
    text = word.strip().lower()
    try:
        return f"{float(text):g}"
    except ValueError:
        return text
