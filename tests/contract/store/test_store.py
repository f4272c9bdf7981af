"""The store takes sealed rows, once per token, views included; on either engine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.decode import decode
from algovigil_processor.errors import Permanent, StartError
from algovigil_processor.schema import SCHEMAS, Table
from algovigil_processor.store import QueryError, Store
from contract.store.conftest import opened
from unit.decode import samples

if TYPE_CHECKING:
    from algovigil_processor.pipeline import Signal

DAY_NS = 86_400 * 10**9
START_NS = 1_700_000_000 * 10**9


def empty(kind: pa.DataType) -> object:
    """Return the value that stands for nothing in a column of *kind*."""
    if pa.types.is_string(kind):
        return ""
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        return []
    return 0


def array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return *values* as *kind*; Arrow casts nothing to a map."""
    if pa.types.is_map(kind):
        return pa.array(values, kind)
    return pa.array(values).cast(kind)


def batch(
    table: Table, rows: int, policy: str | None = "p1", **columns: object
) -> Batch:
    """Return *rows* rows of *table*, empty but for *columns*."""
    schema = SCHEMAS[table]
    arrays = [
        array(columns.get(f.name) or [empty(f.type)] * rows, f.type)
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
        "otel_traces", 40, Timestamp=[START_NS + day * DAY_NS for day in range(40)]
    )
    calls = batch("inferences", 40, timestamp=[START_NS + n for n in range(40)])
    bins = batch("bin_counts", 2, counts=[[(3, 5)], [(3, 1), (4, 1)]])
    for _ in range(3):
        store.insert([spans, calls, bins], token="segment")
    assert count(store, "SELECT count() FROM otel_traces") == 40
    assert count(store, "SELECT sum(spans) FROM span_rollup") == 40
    assert count(store, "SELECT sum(predictions) FROM inference_rollup") == 40
    assert count(store, "SELECT sumMap(counts)[3] FROM bin_counts") == 6


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


def test_rows_are_there_after_a_restart_and_migrations_run_once(url: str) -> None:
    """A second start finds the rows and applies nothing again."""
    first = opened(url)
    first.insert([batch("otel_traces", 1)], token="t")
    first.flush()
    before = count(first, "SELECT count() FROM schema_migrations")
    first.close()
    second = opened(url)
    second.insert([batch("otel_traces", 1)], token="t")
    assert count(second, "SELECT count() FROM otel_traces") == 1
    assert count(second, "SELECT count() FROM schema_migrations") == before
    second.close()


def test_a_newer_database_is_refused(url: str) -> None:
    """An older processor does not touch what it does not understand."""
    store = opened(url)
    reader = store.query("SELECT max(version) AS v FROM schema_migrations")
    assert reader.to_pylist()[0]["v"] < 9999
    store.execute("INSERT INTO schema_migrations (version, name) VALUES (9999, 'x')")
    store.close()
    with pytest.raises(StartError, match="9999"):
        opened(url)


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_rows_come_back_as_they_went_in(store: Store, signal: Signal) -> None:
    """Nested columns, maps, times to the nanosecond: whatever carried them."""
    decoded = decode(signal, [samples.REQUESTS[signal]], Origin("grpc", START_NS))
    for number, unsealed in enumerate(decoded.batches):
        if unsealed.table == "calls":
            continue
        sealed = unsealed.sealed(unsealed.rows, "p1")
        store.insert([sealed], token=f"t{number}")
        names = ", ".join(f"`{name}`" for name in sealed.rows.schema.names)
        found = store.query(f"SELECT {names} FROM {sealed.table}")
        found = found.cast(sealed.rows.schema)
        expected = [stable(row) for row in sealed.rows.to_pylist()]
        assert sorted(expected) == sorted(stable(row) for row in found.to_pylist())


def stable(row: dict[str, object]) -> str:
    """Return *row* as text, in which NaN equals NaN."""
    return repr(sorted(row.items()))


def test_tables_forget_as_the_settings_say(url: str) -> None:
    """A TTL is set, changed and taken away at a start; views' tables follow."""

    def ttl(**days: int) -> dict[str, str]:
        store = opened(url, ttl_days=days)
        found = store.query(
            "SELECT name, extract(create_table_query, 'toIntervalDay.([0-9]+)') AS d "
            "FROM system.tables WHERE database = currentDatabase() AND d != ''"
        )
        store.close()
        return {row["name"]: row["d"] for row in found.to_pylist()}

    assert ttl() == {}
    traces = {"otel_traces", "otel_traces_trace_id_ts"}
    assert ttl(otel_traces=30, inferences=9) == {
        **dict.fromkeys(traces, "30"),
        "inferences": "9",
    }
    assert ttl(otel_traces=3) == dict.fromkeys(traces, "3")
    assert ttl() == {}


def test_rows_past_their_ttl_go_and_others_stay(url: str) -> None:
    """Old and new rows, in one insert."""
    store = opened(url, ttl_days={"otel_traces": 30})
    now = time.time_ns()
    ages = [now, now - 29 * DAY_NS, now - 40 * DAY_NS]
    store.insert([batch("otel_traces", 3, Timestamp=ages)], token="t")
    store.execute("OPTIMIZE TABLE otel_traces FINAL")
    assert count(store, "SELECT count() FROM otel_traces") == 2
    store.close()


@pytest.mark.parametrize(
    "days", [{"otel_trace": 3}, {"schema_migrations": 3}, {"otel_logs": 0}]
)
def test_a_ttl_that_cannot_be_is_refused(url: str, days: dict[str, int]) -> None:
    """An unknown table, one without time, less than a day."""
    with pytest.raises(StartError, match="ttl_days"):
        opened(url, ttl_days=days)


def test_the_width_of_rollups_is_a_setting_that_may_change(url: str) -> None:
    """From the start on, sums stay right over the change."""
    times = [START_NS + n * 10**9 for n in range(0, 120, 10)]
    for seconds, buckets in ((60, 3), (10, 15)):
        store = opened(url, rollup_seconds=seconds)
        store.insert([batch("otel_traces", 12, Timestamp=times)], token=f"w{seconds}")
        assert count(store, "SELECT uniqExact(bucket) FROM span_rollup") <= buckets
        store.close()
    store = opened(url, rollup_seconds=10)
    assert count(store, "SELECT sum(spans) FROM span_rollup") == 24
    found = store.query(
        "SELECT spans FROM span_rollup WHERE bucket % 60 != 0 ORDER BY bucket"
    )
    assert len(found) >= 8
    store.close()


def test_a_reader_reads_and_cannot_write(store: Store) -> None:
    """Users' sessions are read-only, and say so in ClickHouse's words."""
    reader = store.reader({"max_execution_time": 5})
    assert reader.raw("SELECT 1", "CSV") == b"1\n"
    with pytest.raises(QueryError, match="READONLY") as refusal:
        reader.raw("INSERT INTO outcomes (outcome_id) VALUES ('x')", "CSV")
    assert refusal.value.code == 164
    reader.close()


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
