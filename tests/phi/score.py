"""Score spans against labels: strict recall, precision, clean strings hit.

A labelled span is found only when each of its alphanumeric characters is covered.
Precision counts merged found spans that touch a labelled or optional one; `clean_hit`
is the share of items without labels in which something was found; `over_masked` that
of alphanumeric characters outside of every label that were covered all the same.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.phi.corpus import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Span = tuple[int, int]


@dataclass
class Score:
    """Counts over a corpus."""

    total: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    surface_total: Counter[str] = field(default_factory=Counter)
    surface_hit: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, str]] = field(default_factory=list)
    """(class, id of the item)."""
    right: int = 0
    wrong: int = 0
    clean: int = 0
    clean_hits: int = 0
    innocent: int = 0
    innocent_hit: int = 0

    @property
    def recall(self) -> float:
        return sum(self.hit.values()) / max(1, sum(self.total.values()))

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def clean_hit(self) -> float:
        return self.clean_hits / max(1, self.clean)

    @property
    def over_masked(self) -> float:
        return self.innocent_hit / max(1, self.innocent)

    def surface(self, *names: str) -> float:
        """Return the recall over the surfaces *names*."""
        found = sum(self.surface_hit[name] for name in names)
        return found / max(1, sum(self.surface_total[name] for name in names))

    def figures(self) -> dict[str, float]:
        """Return the four figures, rounded."""
        return {
            "recall": round(self.recall, 4),
            "precision": round(self.precision, 4),
            "clean_hit": round(self.clean_hit, 4),
            "over_masked": round(self.over_masked, 4),
        }

    def add(self, item: Item, found: Iterable[Span]) -> None:
        """Count one item and the spans that were *found* in it."""
        spans = sorted((s, e) for s, e in found if e > s)
        covered = {i for s, e in spans for i in range(s, e)}
        labels = (*item.spans, *item.optional)
        allowed = {i for s, e, _ in labels for i in range(s, e)}
        outside = [
            i for i, c in enumerate(item.text) if c.isalnum() and i not in allowed
        ]
        self.innocent += len(outside)
        self.innocent_hit += sum(i in covered for i in outside)
        for start, end, cls in item.spans:
            self.total[cls] += 1
            self.surface_total[item.surface] += 1
            if all(i in covered for i in range(start, end) if item.text[i].isalnum()):
                self.hit[cls] += 1
                self.surface_hit[item.surface] += 1
            else:
                self.missed.append((cls, item.id))
        touching = [any(i in allowed for i in range(s, e)) for s, e in _merged(spans)]
        self.right += sum(touching)
        self.wrong += len(touching) - sum(touching)
        if item.negative:
            self.clean += 1
            self.clean_hits += not all(touching)


def _merged(spans: Sequence[Span]) -> list[Span]:
    out: list[Span] = []
    for start, end in spans:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def dev_corpus() -> list[Item]:
    """Return the development corpus: invented data, 1 000 items."""
    path = Path(__file__).parents[1] / "data" / "phi_dev.jsonl"
    items = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        spans = tuple((s["start"], s["end"], s["type"]) for s in row["spans"])
        optional = tuple((s["start"], s["end"], "") for s in row["optional"])
        items.append(
            Item(row["id"], row["surface"], row["key"] or "", row["text"], spans, optional, row["negative"])
        )  # fmt: skip
    return items
