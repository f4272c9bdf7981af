"""The resource > scope > record tree as flat columns, and what is refused of it.

Invariant: a refused record is counted once, for the body it came in, with a reason
that names the rule and never a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from algovigil_processor.decode.attributes import Attributes
from algovigil_processor.decode.columns import spread, unnest

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Envelope:
    """Records of one signal (spans, log records, metrics) with what they belong to."""

    bodies: int
    resources: pa.StructArray
    scopes: pa.StructArray
    records: pa.StructArray
    resource_of: NDArray[np.int64]
    """Per record; so are the two below."""
    scope_of: NDArray[np.int64]
    body_of: NDArray[np.int64]

    @classmethod
    def of(cls, request: pa.ListArray, scopes: str, records: str) -> Envelope:
        """Flatten *request*, one list of resources per body."""
        resources, body_of_resource = unnest(request)
        scope_rows, resource_of_scope = unnest(resources.field(scopes))
        record_rows, scope_of = unnest(scope_rows.field(records))
        resource_of = resource_of_scope[scope_of]
        return cls(
            bodies=len(request),
            resources=resources,
            scopes=scope_rows,
            records=record_rows,
            resource_of=resource_of,
            scope_of=scope_of,
            body_of=body_of_resource[resource_of],
        )

    @cached_property
    def resource_attributes(self) -> Attributes:
        """Converted once per resource, not once per record."""
        return Attributes.of(self.resources.field("resource").field("attributes"))

    @cached_property
    def scope_attributes(self) -> Attributes:
        """Converted once per scope."""
        return Attributes.of(self.scopes.field("scope").field("attributes"))

    def of_resource(self, column: Any, rows: NDArray[np.int64] | None = None) -> Any:
        """Return *column* of the resources, for each record or for *rows* of them."""
        owner = self.resource_of if rows is None else self.resource_of[rows]
        return spread(column, owner)

    def of_scope(self, column: Any, rows: NDArray[np.int64] | None = None) -> Any:
        """Return *column* of the scopes, for each record or for *rows* of them."""
        owner = self.scope_of if rows is None else self.scope_of[rows]
        return spread(column, owner)

    def ambiguous(self, *, scopes: bool) -> NDArray[np.bool_] | None:
        """Return which records lie under ambiguous attributes; None when none do."""
        bad = np.zeros(len(self.records), np.bool_)
        if self.resource_attributes.ambiguous is not None:
            bad |= self.resource_attributes.ambiguous[self.resource_of]
        if scopes and self.scope_attributes.ambiguous is not None:
            bad |= self.scope_attributes.ambiguous[self.scope_of]
        return bad if bad.any() else None


AMBIGUOUS: Final = "a value that holds two members of a oneof"


class Refusals:
    """Which rows are kept; the first rule that a row breaks is its reason."""

    def __init__(self, body_of: NDArray[np.int64], bodies: int) -> None:
        self.kept = np.ones(len(body_of), np.bool_)
        self._body_of: Final = body_of
        self._counts: Final = np.zeros(bodies, np.int64)
        self._reasons: Final[list[list[str]]] = [[] for _ in range(bodies)]

    def refuse(self, bad: NDArray[np.bool_] | None, why: str) -> None:
        """Refuse the rows where *bad*, because of *why*."""
        if bad is None or not bad.any():
            return
        fresh = self._body_of[bad & self.kept]
        self.kept &= ~bad
        counts = np.bincount(fresh, minlength=len(self._counts))
        np.add(self._counts, counts, out=self._counts)
        for body in np.flatnonzero(counts):
            self._reasons[body].append(f"{counts[body]} with {why}")

    def apply(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return *rows* without those refused."""
        return rows if self.kept.all() else rows.filter(pa.array(self.kept))

    def tallies(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Return, per body, how many rows were refused, and why."""
        counts = tuple(int(n) for n in self._counts)
        return counts, tuple("; ".join(r) for r in self._reasons)
