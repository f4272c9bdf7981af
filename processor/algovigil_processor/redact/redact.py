"""The stage that removes identifiers from a batch and seals it.

Invariant: what comes out holds no text that the rules have not judged, in the rows'
own order and schema. Where judging fails the value or the column goes, and is counted;
no error of this stage carries a value.

Everything is done on unique texts: all text of a batch is dictionary-encoded together,
scanned once, and only texts under keys of identifiers, or that a rule may fit, are
looked at by Python.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from algovigil.phi import Preset
from algovigil_processor.errors import Permanent
from algovigil_processor.redact import columns as shape
from algovigil_processor.redact.prefilter import Prefilter
from algovigil_processor.redact.work import Work
from algovigil_processor.schema import SCHEMAS, phi

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from algovigil.phi import Protector
    from algovigil_processor.batch import Batch
    from algovigil_processor.redact.texts import Marks
    from algovigil_processor.schema import Table
    from algovigil_processor.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of a table is read."""

    index: int
    key: str
    """Attribute key of its values; '' when `names` tells it."""
    names: int | None = None
    """Index of the list column that names the elements of this one."""


class Redact:
    """A stage: unsealed in, sealed out."""

    def __init__(self, protector: Protector, telemetry: Telemetry) -> None:
        self._protector: Final = protector
        self._telemetry: Final = telemetry
        self._prefilter: Final = Prefilter(protector.rules, protector.active)
        self._plans: Final = {table: _plan(table) for table in SCHEMAS}
        self._policy: Final = protector.version

    def __call__(self, batch: Batch) -> Batch:
        """Return *batch* without identifiers, under the seal of the rules.

        Raises:
            Permanent: a column could neither be cleaned nor emptied.
        """
        rows = batch.rows
        if not rows.num_rows:
            return batch.sealed(rows, self._policy)
        plan = self._plans[batch.table]
        try:
            changed, marks, failed = self._clean(rows, plan)
        except Exception:
            changed, marks, failed = self._one_by_one(rows, plan)
        observed = self._protector.preset is Preset.OBSERVE_ONLY
        for (cls, would, rule, field), n in marks.items():
            action = "observe" if observed else would
            labels = {"class": cls, "action": action, "rule": rule, "field": field}
            self._telemetry.count("redact.values", n, **labels)
        if failed:
            self._telemetry.count("redact.errors", failed, table=batch.table)
        if changed and not observed:
            arrays = [changed.get(i, rows.column(i)) for i in range(rows.num_columns)]
            rows = pa.RecordBatch.from_arrays(arrays, schema=rows.schema)
        return batch.sealed(rows, self._policy)

    def _clean(
        self, rows: pa.RecordBatch, plan: Sequence[Column]
    ) -> tuple[dict[int, Any], Marks, int]:
        """Return the columns that change, what was done, and values that failed."""
        work = Work(self._protector)
        for column in plan:
            values = rows.column(column.index)
            field = rows.schema.field(column.index).name
            if column.names is None:
                work.add(column.index, values, column.key, field)
            else:
                names = rows.column(column.names)
                work.add_named(column.index, values, column.names, names, field)
        return work.run(self._prefilter)

    def _one_by_one(
        self, rows: pa.RecordBatch, plan: Iterable[Column]
    ) -> tuple[dict[int, Any], Marks, int]:
        """Clean each column alone; empty those that cannot be cleaned."""
        changed: dict[int, Any] = {}
        marks: Marks = Counter()
        failures = 0
        for column in plan:
            try:
                new, done, failed = self._clean(rows, [column])
                changed |= new
                marks += done
                failures += failed
            except Exception:
                failures += 1
                changed[column.index] = _closed(rows, column.index)
        return changed, marks, failures


def _closed(rows: pa.RecordBatch, index: int) -> Any:
    try:
        return shape.closed(rows.column(index), "[REDACTED]")
    except Exception:
        name = rows.schema.field(index).name
        raise Permanent(f"column {name} could not be redacted") from None


def _plan(table: Table) -> tuple[Column, ...]:
    """Return the columns of *table* that hold text, or numbers that text names."""
    schema = SCHEMAS[table]
    plan = []
    for index, field in enumerate(schema):
        note = phi(field)
        kind, _, rest = note.partition(":")
        if kind == "safe":
            continue
        if kind == "keyed_by":
            plan.append(Column(index, "", schema.get_field_index(rest)))
        elif shape.is_text(field.type):
            plan.append(Column(index, rest if kind == "key" else field.name))
    return tuple(plan)
