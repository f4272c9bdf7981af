"""The contract of a stage, for `redact`, over every table."""

from __future__ import annotations

import dataclasses
import random
import string
from typing import TYPE_CHECKING, Any, get_args

import pyarrow as pa
import pytest

from algovigil.config import Phi
from algovigil.phi import Protector
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.redact import Redact
from algovigil_processor.schema import SCHEMAS, Table
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from algovigil_processor.pipeline import Stage

TABLES: tuple[Table, ...] = get_args(Table)
PRESETS = ("pseudonymise", "safe_harbor")
TEXTS = (
    "predict wdbc",
    "Patient Jane Roe MRN 4711081",
    "could not convert string to float: 'M\u00f6ller\u00a0MRN 4711'",
    "GET /patients/4711081?name=Jane%20Roe&dob=1931-02-07",
    '{"patient": {"name": "Jane Roe", "mrn": 4711081}}',
    "jane.roe@example.com",
    "1958-02-07",
    "94",
    "",
)
KEYS = ("http.route", "patient.mrn", "age", "exception.message", "patient.name", "note")


@pytest.fixture(scope="module", params=PRESETS)
def redact(request: pytest.FixtureRequest) -> Stage:
    key = b"test-key-of-32-bytes-or-more-....."
    return Redact(Protector(Phi(preset=request.param), key, 2026), Telemetry())


def value(kind: pa.DataType, rng: random.Random) -> Any:
    """Return a value of *kind*, null now and then where there may be nulls."""
    if rng.random() < 0.1:
        return None
    if pa.types.is_string(kind):
        if rng.random() < 0.3:
            return "".join(rng.choices(string.printable, k=12))
        return rng.choice(TEXTS)
    if pa.types.is_map(kind):
        is_text = pa.types.is_string(kind.key_type)
        keys = rng.sample(KEYS if is_text else range(9), rng.randrange(4))
        return [(key, value(kind.item_type, rng)) for key in keys]
    if pa.types.is_list(kind):
        return [value(kind.value_type, rng) for _ in range(rng.randrange(4))]
    if pa.types.is_floating(kind):
        return rng.choice([94.0, 0.5, float("nan")])
    return rng.random() < 0.5 if pa.types.is_boolean(kind) else rng.randrange(100)


def batch(table: Table, count: int) -> Batch:
    rng = random.Random(f"{table} {count}")  # no secret
    schema = SCHEMAS[table]
    rows = [{f.name: value(f.type, rng) for f in schema} for _ in range(count)]
    return Batch(table, pa.RecordBatch.from_pylist(rows, schema), Origin("grpc", 1))


def same(one: pa.RecordBatch, other: pa.RecordBatch) -> bool:
    """Return whether two batches print alike: NaN is equal to NaN here."""
    return str(one.to_pylist()) == str(other.to_pylist())


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("count", [0, 1, 17])
def test_schema_rows_and_input_are_kept(
    redact: Stage, table: Table, count: int
) -> None:
    """Any number of rows comes out in order, sealed, under the very same schema."""
    raw = batch(table, count)
    before = str(raw.rows.to_pylist())
    sealed = redact(raw)
    assert sealed.rows.schema.equals(SCHEMAS[table], check_metadata=True)
    assert (sealed.rows.num_rows, sealed.origin) == (count, raw.origin)
    assert (sealed.policy is not None, raw.policy) == (True, None)
    assert str(raw.rows.to_pylist()) == before
    sealed.rows.validate(full=True)


@pytest.mark.parametrize("table", TABLES)
def test_twice_is_once(redact: Stage, table: Table) -> None:
    """What is redacted has nothing left to redact."""
    once = redact(batch(table, 40))
    again = redact(dataclasses.replace(once, policy=None))
    assert same(once.rows, again.rows)


@pytest.mark.parametrize("table", TABLES)
def test_rows_do_not_depend_on_how_they_are_batched(
    redact: Stage, table: Table
) -> None:
    """Slices of a batch, at any offset, come out as the batch does."""
    raw = batch(table, 20)
    whole = redact(raw).rows
    for start, length in ((0, 7), (7, 1), (8, 12)):
        part = dataclasses.replace(raw, rows=raw.rows.slice(start, length))
        assert same(redact(part).rows, whole.slice(start, length))


def test_order_of_rows_is_kept(redact: Stage) -> None:
    """Row i of the output is row i of the input."""
    schema = SCHEMAS["otel_logs"]
    bodies = [
        f"line {i} MRN {4_711_000 + i}" if i % 3 else f"line {i}" for i in range(99)
    ]
    rows = [{f.name: None for f in schema} | {"Body": body} for body in bodies]
    raw = pa.RecordBatch.from_pylist(rows, schema)
    sealed = redact(Batch("otel_logs", raw, Origin("grpc", 1)))
    starts = [body.split(" MRN")[0] for body in sealed.rows["Body"].to_pylist()]
    assert starts == [f"line {i}" for i in range(99)]
