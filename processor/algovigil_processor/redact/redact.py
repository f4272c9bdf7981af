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

import numpy as np
import pyarrow as pa

from algovigil.phi import Preset
from algovigil_processor.errors import Permanent
from algovigil_processor.redact import columns as shape
from algovigil_processor.redact.prefilter import Prefilter
from algovigil_processor.redact.work import Done, Work
from algovigil_processor.schema import SCHEMAS, phi

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from algovigil.phi import Protector
    from algovigil_processor.batch import Batch
    from algovigil_processor.redact.texts import Marks
    from algovigil_processor.schema import Table
    from algovigil_processor.telemetry import Telemetry


_MOST_SERVICES: Final = 100
_OTHERS: Final = "(others)"


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
        self._services: Final[set[str]] = set()

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
            done = self._clean(rows, plan)
        except Exception:
            done = self._one_by_one(rows, plan)
        observed = self._protector.preset is Preset.OBSERVE_ONLY
        for (cls, would, rule, field), n in done.marks.items():
            action = "observe" if observed else would
            labels = {"class": cls, "action": action, "rule": rule, "field": field}
            self._telemetry.count("redact.values", n, **labels)
        if done.failed:
            self._telemetry.count("redact.errors", done.failed, table=batch.table)
        if done.changed and not observed:
            arrays = [
                done.changed.get(i, rows.column(i)) for i in range(rows.num_columns)
            ]
            rows = pa.RecordBatch.from_arrays(arrays, schema=rows.schema)
        self._count_services(rows, done.touched)
        return batch.sealed(rows, self._policy)

    def _count_services(self, rows: pa.RecordBatch, touched: NDArray[np.int64]) -> None:
        """Count what was rewritten of each service, by its cleaned name."""
        at = rows.schema.get_field_index("ServiceName")
        if at < 0 or not touched.any():
            return
        services = rows.column(at).fill_null("").dictionary_encode()
        times = np.bincount(services.indices.to_numpy(), touched)
        # by the service, which are few
        for name, n in zip(
            services.dictionary.to_pylist(), times.tolist(), strict=True
        ):
            if not n:
                continue
            known = name in self._services or len(self._services) < _MOST_SERVICES
            if known:
                self._services.add(name)
            label = name if known else _OTHERS
            self._telemetry.count("redact.services", n, service=label)

    def _clean(self, rows: pa.RecordBatch, plan: Sequence[Column]) -> Done:
        """Return what becomes of the columns of *plan*."""
        work = Work(self._protector, rows.num_rows)
        for column in plan:
            values = rows.column(column.index)
            field = rows.schema.field(column.index).name
            if column.names is None:
                work.add(column.index, values, column.key, field)
            else:
                names = rows.column(column.names)
                work.add_named(column.index, values, column.names, names, field)
        return work.run(self._prefilter)

    def _one_by_one(self, rows: pa.RecordBatch, plan: Iterable[Column]) -> Done:
        """Clean each column alone; empty those that cannot be cleaned."""
        changed: dict[int, Any] = {}
        marks: Marks = Counter()
        touched = np.zeros(rows.num_rows, np.int64)
        failures = 0
        for column in plan:
            try:
                done = self._clean(rows, [column])
                changed |= done.changed
                marks += done.marks
                touched += done.touched
                failures += done.failed
            except Exception:
                failures += 1
                changed[column.index] = _closed(rows, column.index)
        return Done(changed, marks, failures, touched)


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
