"""The leak check finds what leaked, in every form, and can therefore be trusted."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pytest

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.compliance.leaks import (
    Canary,
    Hit,
    forms,
    scan_files,
    scan_store,
)
from algovigil_processor.schema import SCHEMAS
from algovigil_processor.store import Store
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "Jane O'Dorigo"
MRN = "MRN-47110815"
CANARIES = (Canary("name", NAME), Canary("mrn", MRN), Canary("phone", "(201) 555-0143"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "clickhouse", Telemetry())
    yield store
    store.close()


def spans(policy: str, **columns: object) -> Batch:
    """Return one span, empty but for *columns*."""
    schema = SCHEMAS["otel_traces"]
    row = {f.name: [] if pa.types.is_nested(f.type) else "" for f in schema}
    row |= {"Timestamp": 1_700_000_000 * 10**9, "Duration": 1, **columns}
    rows = pa.RecordBatch.from_pylist([row], schema=schema)
    return Batch("otel_traces", rows, Origin("grpc", 1), policy)


@pytest.mark.parametrize(
    "written",
    [
        NAME,
        NAME.upper(),
        quote(NAME),
        quote_plus(NAME),
        quote(NAME, safe="").lower(),
        json.dumps({"n": NAME}),
        json.dumps(json.dumps({"n": NAME})),
        f"a{NAME}".encode().hex(),
        *(base64.b64encode(b"x" * n + NAME.encode() + b"y").decode() for n in range(3)),
        "O'Dorigo, Jane",
        "O'Dorigo^Jane",
    ],
)
def test_every_form_of_a_value_is_known(written: str) -> None:
    """A value is found plain, folded, percent-, JSON-, hex- and base64-encoded."""
    assert any(form in written.lower().encode() for form in forms(NAME))


def test_digits_alone_are_searched_for_numbers_and_not_for_dates() -> None:
    """A phone is found by its digits; a date's digits are in every clock."""
    assert (
        b"2015550143" in forms("(201) 555-0143"),
        b"19580207" in forms("1958-02-07"),
    ) == (
        True,
        False,
    )


def test_a_canary_of_three_letters_is_refused() -> None:
    """What would be found in any text proves nothing."""
    with pytest.raises(ValueError, match="expected: at least 4"):
        Canary("name", "Doe")


def test_a_hit_and_a_canary_never_print_the_value() -> None:
    """Reports of leaks do not leak."""
    hit = Hit("name", "otel_traces.SpanName", "plain")
    assert NAME not in f"{CANARIES!r}{hit!r}"


def test_every_kind_of_column_is_searched(store: Store) -> None:
    """Strings, maps, arrays and arrays of maps are all read, keys of maps too."""
    leaky = {
        "SpanName": f"predict {NAME}",
        "SpanAttributes": [("note", quote(NAME)), (MRN, "x")],
        "Events.Timestamp": [1],
        "Events.Name": ["exception"],
        "Events.Attributes": [[("exception.message", "call 2015550143")]],
        "Links.TraceId": ["aa"],
        "Links.SpanId": ["bb"],
        "Links.TraceState": [f"k={MRN.lower()}"],
        "Links.Attributes": [[]],
    }
    store.insert([spans("observe_only-1", **leaky)], "t1")
    hits = scan_store(store.query, CANARIES)
    found = {(h.kind, h.carrier) for h in hits if h.carrier.startswith("otel_traces.")}
    assert found == {
        ("name", "otel_traces.SpanName"),
        ("name", "otel_traces.SpanAttributes"),
        ("mrn", "otel_traces.SpanAttributes"),
        ("phone", "otel_traces.Events.Attributes"),
        ("mrn", "otel_traces.Links.TraceState"),
    }


def test_a_clean_store_has_no_hits(store: Store) -> None:
    """What is not there is not found."""
    store.insert([spans("p1", SpanName="predict wdbc")], "t1")
    assert scan_store(store.query, CANARIES) == []


def test_a_search_of_late_rows_is_bounded_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows dated before are left out; many late ones are read a part at a time."""
    at_ns = 1_700_000_000 * 10**9
    late = {"Timestamp": at_ns + 60 * 10**9}
    store.insert([spans("none", SpanName=f"GET /{MRN}")], "early")
    store.insert([spans("none", SpanName=f"n{i}", **late) for i in range(50)], "late")
    since_ns = at_ns + 30 * 10**9
    assert [] == scan_store(store.query, CANARIES, since_ns=since_ns)
    store.insert([spans("none", SpanName=f"GET /{NAME}", **late)], "leak")
    monkeypatch.setattr("algovigil_processor.compliance.leaks._PAGE", 2048)
    asked: list[str] = []

    def query(sql: str) -> pa.Table:
        asked.append(sql)
        return store.query(sql)

    found = {h.carrier for h in scan_store(query, CANARIES, since_ns=since_ns)}
    assert "otel_traces.SpanName" in found
    # the column alone, once a part
    parts = {sql for sql in asked if "concat('', toString(`SpanName`), '" in sql}
    assert len(parts) >= 4


def test_files_are_searched_by_bytes_and_over_chunk_borders(tmp_path: Path) -> None:
    """A value that begins in one chunk and ends in the next is found."""
    text = b"x" * ((1 << 20) - 3) + MRN.lower().encode() + b"y" * 10
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "segment").write_bytes(text)
    assert Hit("mrn", "journal/segment", "plain") in scan_files(tmp_path, CANARIES)


def test_excluded_paths_are_left_out_and_file_names_are_searched(
    tmp_path: Path,
) -> None:
    """Only what is excluded is not searched; a name that leaks is not repeated."""
    (tmp_path / "clickhouse").mkdir()
    (tmp_path / "clickhouse" / "part").write_text(NAME)
    (tmp_path / f"{MRN}.log").write_text("nothing")
    hits = scan_files(tmp_path, CANARIES, exclude=("clickhouse",))
    assert {(hit.kind, hit.carrier) for hit in hits} == {("mrn", "a file name")}
