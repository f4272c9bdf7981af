"""One pass of hyperscan over many texts: which rules may find something where.

Invariant: it never misses what the rules find in a view of a text; it may name rules
that then find nothing. It sees views only, which are ASCII, line feeds between them.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import hyperscan
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from algovigil.phi.find import MAX_CHARS
from algovigil.phi.views import ESCAPE, views
from algovigil_processor.redact.compiled import database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from algovigil.phi.rules import RuleSet

_FEW: Final = 256
"""Up to so many texts Python's `re` beats the compilation of an RE2 kernel."""


_BETWEEN: Final = "\n\0\n"
"""Ends a text for `^` and `$`, and no white space of a rule reaches across it."""

_ESCAPED: Final = re.compile(ESCAPE, re.ASCII)


class Prefilter:
    """The *active* rules in one database; safe to use from many threads."""

    def __init__(self, rules: RuleSet, active: Sequence[int]) -> None:
        self._all: Final = tuple(active)
        self.strong: Final = frozenset(i for i in active if rules.rules[i].strong)
        """Rules that hold under every key: a checksum speaks for what they find."""
        self._gate: Final = re.compile(rules.gate, re.ASCII)
        self._kernel: Final = f"^(?:{rules.gate})$"
        self._database: Final = database(
            tuple((i, rules.rules[i].hint, rules.rules[i].ignore_case) for i in active)
        )
        self._local: Final = threading.local()  # a scratch belongs to one thread

    def hits(self, texts: pa.StringArray) -> dict[int, tuple[int, ...]]:
        """Return, per index of *texts*, the rules that may find something there."""
        at = np.flatnonzero(~self._is_plain(texts))
        if not len(at):
            return {}
        rest = texts.take(pa.array(at))
        simple, owners = _simple(rest)
        lines = pc.binary_join_element_wise(rest.filter(pa.array(simple)), "", _BETWEEN)
        found: dict[int, set[int]] = defaultdict(set)
        self._scan(lines, at[simple], found)
        if owners:
            read: list[str] = []
            whose: list[int] = []
            for i in owners:
                text = rest[i].as_py()
                if len(text) > MAX_CHARS:
                    found[int(at[i])].update(self._all)
                    continue
                for view in views(text):
                    read.append(view.text + _BETWEEN)
                    whose.append(int(at[i]))
            self._scan(pa.array(read, pa.string()), np.array(whose, np.int64), found)
        return {i: tuple(sorted(rules)) for i, rules in found.items()}

    def _is_plain(self, texts: pa.StringArray) -> NDArray[np.bool_]:
        """Return which texts as a whole are a number, a hex id, a name of code."""
        if len(texts) <= _FEW:
            gate = self._gate.fullmatch
            return np.array(
                [
                    text is None or (bool(gate(text)) and not text.startswith("p_"))
                    for text in texts.to_pylist()
                ],
                np.bool_,
            )
        plain = pc.and_not(
            pc.match_substring_regex(texts, self._kernel), pc.starts_with(texts, "p_")
        )
        result: NDArray[np.bool_] = plain.fill_null(True).to_numpy(zero_copy_only=False)
        return result

    def _scan(
        self,
        lines: pa.StringArray,
        owner: NDArray[np.int64],
        found: dict[int, set[int]],
    ) -> None:
        """Add the rules that may find something in each of *lines* to its owner's."""
        if not len(lines):
            return
        ends = np.frombuffer(lines.buffers()[1], np.int32)[: len(lines) + 1][1:]
        rules: list[int] = []
        places: list[int] = []

        def take(rule: int, _start: int, end: int, _flags: int, _: object) -> None:
            rules.append(rule)
            places.append(end)

        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        self._database.scan(
            memoryview(lines.buffers()[2])[: int(ends[-1])],  # type: ignore[type-var] # any buffer will do
            match_event_handler=take,
            scratch=scratch,
        )
        line = np.searchsorted(ends, np.array(places, np.int64), side="left")
        for rule, i in zip(rules, owner[line].tolist(), strict=True):
            found[i].add(rule)


def _simple(texts: pa.StringArray) -> tuple[NDArray[np.bool_], list[int]]:
    """Return which texts are their own and only view, and the indices of the others."""
    if len(texts) <= _FEW:
        own = [t.isascii() and not _ESCAPED.search(t) for t in texts.to_pylist()]
        return np.array(own), [i for i, yes in enumerate(own) if not yes]
    escaped = pc.match_substring_regex(texts, ESCAPE)
    simple = pc.and_not(pc.string_is_ascii(texts), escaped).to_numpy(
        zero_copy_only=False
    )
    return simple, np.flatnonzero(~simple).tolist()
