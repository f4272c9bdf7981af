"""All texts of a batch, encoded once: what rules say of each, and what became of it.

Invariant: a text has one code; a new text is appended, so a code never changes meaning.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from algovigil.phi import Preset, applied
from algovigil_processor.redact import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from algovigil.phi import Protector
    from algovigil.phi.people import People
    from algovigil_processor.redact.prefilter import Prefilter

Marks: TypeAlias = "Counter[tuple[str, str, str, str]]"
"""How often: by class, action, id of the rule and column."""

PLAIN, SAFE, ERROR, IDENTIFIER = range(4)
"""What the rules take a key for; see `algovigil.phi.Protector.note`."""

_TRUST: Final = {"text": PLAIN, "safe": SAFE, "error": ERROR}
_NOWHERE: Final = np.zeros(0, np.int64)
_MANY: Final = 16
"""From so many values on tokens are made by columns."""
REDACTED: Final = "[REDACTED]"


class Texts:
    """Texts by code. *arrays* are the texts of the leaves, in order."""

    def __init__(
        self, protector: Protector, prefilter: Prefilter, arrays: Sequence[Any]
    ) -> None:
        self.marks: Final[Marks] = Counter()
        """Identifiers met."""
        self.people: Final[dict[int, dict[str, People]]] = {}
        """Persons that a text names, by its code."""
        self.failed = 0
        """Values that went because judging them failed."""
        self.protector: Final = protector
        encoded = pa.concat_arrays(arrays).dictionary_encode(null_encoding="encode")
        self.codes: Final[NDArray[np.int32]] = encoded.indices.to_numpy()
        self._unique: Final = encoded.dictionary
        self.size: Final = len(self._unique)
        self._hits: Final = prefilter.hits(self._unique)
        self._any: Final = np.zeros(self.size, np.bool_)
        self._any[list(self._hits)] = True
        self._strong: Final = np.zeros(self.size, np.bool_)
        for code, rules in self._hits.items():
            self._strong[code] = not prefilter.strong.isdisjoint(rules)
        self._new: Final[dict[str, int]] = {}
        self._blocks: Final[list[Any]] = []
        self._end = self.size

    def __getitem__(self, code: int) -> str | None:
        text: str | None = self._unique[code].as_py()
        return text

    def listed(self, codes: NDArray[np.int64]) -> list[str | None]:
        """Return the texts of *codes*."""
        texts: list[str | None] = self._unique.take(pa.array(codes)).to_pylist()
        return texts

    def alike(self, codes: NDArray[np.int64]) -> list[int]:
        """Return the order of *codes* that brings those of the same rules together.

        Judging text after text by the same rules takes two thirds of the time: the
        processor's caches hold one rule's code, not that of all.
        """
        hits = [self._hits.get(code, ()) for code in codes.tolist()]
        return sorted(range(len(hits)), key=hits.__getitem__)

    def kind(self, key: str) -> int:
        """Return what the rules take *key* for."""
        note = self.protector.note(key)
        return IDENTIFIER if note.cls is not None else _TRUST[note.trust]

    def suspects(
        self, codes: NDArray[np.int32], kinds: NDArray[np.int8] | int
    ) -> NDArray[np.int64]:
        """Return the positions in *codes* that must be looked at one by one.

        Args:
            codes: Codes of values.
            kinds: What the key of each is, or that of all.
        """
        if isinstance(kinds, int):
            if kinds >= ERROR:
                return np.arange(len(codes))
            if not self._hits:
                return _NOWHERE
            return np.flatnonzero((self._strong if kinds == SAFE else self._any)[codes])
        if not self._hits:
            return np.flatnonzero(kinds >= ERROR)
        fits = self._any[codes] & ((kinds == PLAIN) | self._strong[codes])
        return np.flatnonzero(fits | (kinds >= ERROR))

    def rewritten(self, key: str, code: int, text: str, times: int, field: str) -> int:
        """Return the code of what becomes of *text* under *key*, met *times* times."""
        try:
            found = self.protector.redactions(key, text, self._hits.get(code, ()))
            if not found:
                return code
            for f in found:
                self.marks[f.cls, f.action, f.rule, field] += times
            if self.protector.preset is Preset.OBSERVE_ONLY:
                return code
            again = self.protector.people(text, found)
            if again.words or again.pairs:
                self.people.setdefault(code, {})[key] = again
            return self.code(applied(text, found))
        except Exception:  # whatever it is, it must not carry the text on
            return self.closed(times)

    def closed(self, times: int) -> int:
        """Return the code of what stands for *times* values that cannot be judged."""
        self.failed += times
        return self.code(REDACTED)

    def tokens(
        self,
        key: str,
        codes: NDArray[np.int64],
        times: NDArray[np.int64],
        field: str,
    ) -> tuple[NDArray[np.bool_], NDArray[np.int32]] | None:
        """Make tokens of the texts *codes* under *key*, met *times* times.

        Returns which of them became tokens, and the codes of those; None when values
        of *key* do not become tokens.
        """
        cls = self.protector.classify_key(key) or ""
        maker = self.protector.tokens(cls)
        if maker is None or len(codes) < _MANY:
            return None
        texts = self._unique.take(pa.array(codes))
        plain = tokens.is_plain(texts)
        count = int(plain.sum())
        if not count:
            return None
        self._blocks.append(tokens.made(*maker, texts.filter(pa.array(plain))))
        first = self._end
        self._end += count
        self.marks[cls, "pseudonym", "key", field] += int(times[plain].sum())
        return plain, np.arange(first, first + count, dtype=np.int32)

    def code(self, text: str) -> int:
        """Return the code of *text*, which need not have been there before."""
        code = self._new.get(text)
        if code is None:
            code = self._new[text] = self._end
            self._end += 1
            if not self._blocks or not isinstance(self._blocks[-1], list):
                self._blocks.append([])
            self._blocks[-1].append(text)
        return code

    def words(self) -> Any:
        """Return every text at the place of its code."""
        blocks = [
            pa.array(block, pa.string()) if isinstance(block, list) else block
            for block in self._blocks
        ]
        return pa.concat_arrays([self._unique, *blocks])
