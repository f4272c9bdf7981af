"""The store takes sealed rows, once per token, views included."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.errors import Permanent, StartError
from algovigil_processor.schema import SCHEMAS, Table
from algovigil_processor.store import QueryError, Store, database_path
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY_NS = 86_400 * 10**9
START_NS = 1_700_000_000 * 10**9


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "clickhouse", Telemetry())
    yield store
    store.close()


def empty(kind: pa.DataType) -> object:
    """Return the value that stands for nothing in a column of *kind*."""
    if pa.types.is_string(kind):
        return ""
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        return []
    return 0


def batch(
    table: Table, rows: int, policy: str | None = "p1", **columns: object
) -> Batch:
    """Return *rows* rows of *table*, empty but for *columns*."""
    schema = SCHEMAS[table]
    arrays = [
        pa.array(columns.get(f.name) or [empty(f.type)] * rows).cast(f.type)
        if f.name in columns or not pa.types.is_nested(f.type)
        else pa.array([[]] * rows, f.type)
        for f in schema
    ]
    rows_ = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return Batch(table, rows_, Origin("grpc", START_NS), policy)


def count(store: Store, sql: str) -> int:
    return int(store.query(sql).column(0)[0].as_py())


def test_every_table_takes_a_row_of_its_schema(store: Store) -> None:
    """Columns of schema and of the migrations are the same."""
    tables = [t for t in SCHEMAS if t != "calls"]
    recent = {"ingest_requests": {"received": [time.time_ns()]}}  # others have no TTL
    batches = [batch(table, 1, **recent.get(table, {})) for table in tables]
    store.insert(batches, token="t")
    found = {t: count(store, f"SELECT count() FROM {t}") for t in tables}
    assert dict.fromkeys(tables, 1) == found


def test_a_token_counts_once_in_tables_and_rollups(store: Store) -> None:
    """A replay adds nothing, to raw rows or to what views sum; days apart included."""
    spans = batch(
        "otel_traces", 300, Timestamp=[START_NS + day * DAY_NS for day in range(300)]
    )
    calls = batch("inferences", 300, timestamp=[START_NS + n for n in range(300)])
    for _ in range(3):
        store.insert([spans, calls], token="segment")
    assert count(store, "SELECT count() FROM otel_traces") == 300
    assert count(store, "SELECT sum(spans) FROM span_rollup") == 300
    assert count(store, "SELECT sum(predictions) FROM inference_rollup") == 300


def test_equal_rows_under_another_token_are_other_rows(store: Store) -> None:
    """Deduplication is by token, never by content."""
    for token in ("a", "b"):
        store.insert([batch("otel_traces", 2)], token=token)
    assert count(store, "SELECT count() FROM otel_traces") == 4


def test_the_seal_is_stored_with_the_rows(store: Store) -> None:
    """An auditor can tell which rules cleaned a row."""
    store.insert([batch("otel_traces", 1, policy="rules@1")], token="t")
    policies = store.query("SELECT PhiPolicy FROM otel_traces").column(0).to_pylist()
    assert policies == ["rules@1"]


def test_unsealed_rows_are_refused(store: Store) -> None:
    """Nothing that was not redacted is ever stored."""
    with pytest.raises(Permanent, match="unsealed"):
        store.insert([batch("otel_traces", 1, policy=None)], token="t")
    assert count(store, "SELECT count() FROM otel_traces") == 0


def test_rows_are_there_after_a_restart_and_migrations_run_once(tmp_path: Path) -> None:
    """A second start finds the rows and applies nothing again."""
    path = tmp_path / "clickhouse"
    first = Store(path, Telemetry())
    first.insert([batch("otel_traces", 1)], token="t")
    before = count(first, "SELECT count() FROM schema_migrations")
    first.close()
    second = Store(path, Telemetry())
    second.insert([batch("otel_traces", 1)], token="t")
    assert count(second, "SELECT count() FROM otel_traces") == 1
    assert count(second, "SELECT count() FROM schema_migrations") == before
    second.close()


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """An older processor does not touch what it does not understand."""
    path = tmp_path / "clickhouse"
    store = Store(path, Telemetry())
    store.query("INSERT INTO schema_migrations (version, name) VALUES (9999, 'x')")
    store.close()
    with pytest.raises(StartError, match="9999"):
        Store(path, Telemetry())


def test_a_reader_reads_and_cannot_write(store: Store) -> None:
    """Users' sessions are read-only, and say so in ClickHouse's words."""
    reader = store.reader({"max_execution_time": 5})
    assert reader.raw("SELECT 1", "CSV") == b"1\n"
    with pytest.raises(QueryError, match="READONLY") as refusal:
        reader.raw("INSERT INTO outcomes (outcome_id) VALUES ('x')", "CSV")
    assert refusal.value.code == 164
    reader.close()


def test_other_databases_are_named_as_not_served(tmp_path: Path) -> None:
    """A URL that cannot be obeyed stops the start with a hint."""
    assert database_path("", tmp_path) == tmp_path / "clickhouse"
    assert str(database_path("chdb:///var/x", tmp_path)) == "/var/x"
    with pytest.raises(StartError, match="hint"):
        database_path("clickhouse://host/db", tmp_path)


def test_a_failed_statement_leaves_nothing_to_the_next(store: Store) -> None:
    """Partial output of a statement that failed in mid-result is never another's."""
    reader = store.reader({"max_block_size": 10})
    failing = "SELECT number, throwIf(number = 500) FROM numbers(1000)"
    for _ in range(3):
        with pytest.raises(QueryError):
            reader.raw(failing, "CSV")
        assert reader.raw("SELECT 1", "CSV") == b"1\n"
        with pytest.raises(QueryError):
            store.query(failing)
        assert store.query("SELECT 1 AS x").to_pylist() == [{"x": 1}]
    with pytest.raises(QueryError, match="READONLY"):
        reader.raw("CREATE TABLE x (y UInt8) ENGINE = Memory", "CSV")
    reader.close()
