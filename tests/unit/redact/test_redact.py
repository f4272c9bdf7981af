"""What the stage does to columns: every shape of them, numbers, and when it fails."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from algovigil.phi import Protector
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.redact import Redact
from algovigil_processor.redact import columns as shape
from algovigil_processor.redact.prefilter import Prefilter
from algovigil_processor.redact.work import Work
from algovigil_processor.schema import SCHEMAS
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = b"test-key-of-32-bytes-or-more-....."
RAW = "Patient Jane Roe MRN 4711081"
DONE = "Patient [NAME] MRN p_k1_"


def test_every_text_column_of_a_span_is_cleaned(run: Callable[..., Any]) -> None:
    """Strings, lists, maps and lists of maps are read, and keys of maps."""
    attributes = [("note", RAW), (RAW, "x")]
    (row,), telemetry = run(
        "otel_traces",
        {
            "TraceState": RAW,
            "SpanName": RAW,
            "StatusMessage": RAW,
            "ResourceAttributes": attributes,
            "SpanAttributes": attributes,
            "Events.Name": [RAW, "exception"],
            "Events.Attributes": [attributes, []],
            "Links.TraceState": [RAW],
            "Links.Attributes": [attributes],
        },
    )
    assert ("Jane" in str(row), "4711081" in str(row), str(row).count(DONE)) == (
        False,
        False,
        13,
    )
    # two in each text, and the four values whose key names a record number
    assert telemetry.total("redact.values") == 30


def test_what_was_rewritten_is_counted_by_service(run: Callable[..., Any]) -> None:
    """Each text of each row, however nested; the name of a service is clean too."""
    attributes = [("note", RAW), (RAW, "x")]
    nested = {"Events.Name": ["a", "b"], "Events.Attributes": [attributes, []]}
    rows, telemetry = run(
        "otel_traces",
        {"ServiceName": "ward", "SpanName": RAW},
        {"ServiceName": "lab", "SpanName": "GET /", **nested},
        {"ServiceName": "quiet", "SpanName": "GET /"},
        {"ServiceName": "ward", "SpanAttributes": attributes, "SpanName": RAW},
        {"ServiceName": RAW, "SpanName": "GET /"},
    )
    assert {"ward": 1 + 4, "lab": 3, rows[4]["ServiceName"]: 1} == {
        dict(labels)["service"]: n
        for (name, labels), n in telemetry.counters().items()
        if name == "redact.services"
    }
    assert "Jane" not in rows[4]["ServiceName"]


def test_services_are_counted_apart_up_to_a_bound(run: Callable[..., Any]) -> None:
    """A sender that makes names up makes no more than a hundred counters."""
    names = [f"service{number}" for number in range(150)]
    _, telemetry = run(
        "otel_logs", *({"ServiceName": name, "Body": RAW} for name in names)
    )
    services = [k for k in telemetry.counters() if k[0] == "redact.services"]
    assert 101 == len(services)
    assert 50 == telemetry.total("redact.services", service="(others)")


def test_a_column_that_nobody_thought_of_is_cleaned_by_default(
    run: Callable[..., Any],
) -> None:
    """Of all tables, only columns marked safe keep what looks like an identifier."""
    kept = {}
    for table, schema in SCHEMAS.items():
        row = {f.name: _value(f.type) for f in schema}
        (clean,), _ = run(table, row)
        for field in schema:
            note = (field.metadata or {}).get(b"phi", b"")
            if "jane.roe@example.com" in str(clean[field.name]) and note != b"safe":
                kept[table, field.name] = note
    assert kept == {}


def _value(kind: pa.DataType) -> object:
    if pa.types.is_string(kind):
        return "jane.roe@example.com"
    if pa.types.is_map(kind) and not pa.types.is_string(kind.key_type):
        return []
    if pa.types.is_map(kind):
        item = "jane.roe@example.com" if pa.types.is_string(kind.item_type) else 1.0
        return [("jane.roe@example.com", item)]
    if pa.types.is_list(kind):
        return [_value(kind.value_type)]
    return False if pa.types.is_boolean(kind) else 0


def test_numbers_under_the_keys_of_identifiers_go(run: Callable[..., Any]) -> None:
    """A record number as an int attribute goes; an age over 89 is 90+."""
    (row,), _ = run(
        "otel_traces",
        {"SpanAttributes": [("mrn", "4711081"), ("patient.age", "94"), ("rows", "94")]},
    )
    kept = dict(row["SpanAttributes"])
    assert (kept["mrn"][:5], kept["patient.age"], kept["rows"]) == (
        "p_k1_",
        "90+",
        "94",
    )


def test_features_are_judged_by_their_names(run: Callable[..., Any]) -> None:
    """Identifiers among features become missing, ages end at 90, the rest stays."""
    rows, telemetry = run(
        "calls",
        {
            "feature_names": ["age", "mrn", "lactate"],
            "feature_values": [94.0, 4711081.0, 2.1, 64.0, 4711082.0, math.nan],
            "category_names": ["patient_name", "scanner"],
            "category_values": ["Jane Roe", "GE", "Ada Poe", "GE"],
        },
        {"feature_names": ["lactate"], "feature_values": [94.0]},
        {"feature_names": [], "feature_values": [94.0]},
        {"feature_names": ["mrn"], "feature_values": None},
    )
    values = [str(row["feature_values"]) for row in rows]
    assert values == ["[90.0, nan, 2.1, 64.0, nan, nan]", "[94.0]", "[94.0]", "None"]
    assert rows[0]["category_values"] == ["[NAME]", "GE", "[NAME]", "GE"]
    assert telemetry.total("redact.values", action="cap") == 1


def test_values_of_a_batch_without_any_name_are_judged_too(
    run: Callable[..., Any],
) -> None:
    """Numbers without a name stay; text is read as under no key."""
    rows, telemetry = run(
        "calls",
        {"feature_values": [94.0], "category_values": [RAW]},
        {"category_values": ["GE"]},
    )
    assert [row["feature_values"] for row in rows] == [[94.0], None]
    assert rows[0]["category_values"][0].startswith(DONE)
    assert rows[1]["category_values"] == ["GE"]
    assert telemetry.total("redact.errors") == 0


def test_columns_without_any_value_are_passed_by() -> None:
    """There may be no text at all to be looked at."""
    protector = Protector(key=KEY)
    work = Work(protector, 2)
    work.add(0, pa.array([[], None], pa.list_(pa.string())), "", "Links.TraceState")
    done = work.run(Prefilter(protector.rules, protector.active))
    assert (done.changed, done.failed, done.touched.tolist()) == ({}, 0, [0, 0])


def test_arrays_of_a_span_are_judged_by_the_names_beside_them(
    run: Callable[..., Any],
) -> None:
    """The JSON arrays of a call follow its columns; calls without such names stay."""
    told = [
        ("medical_ai.category.names", '["patient_name","scanner"]'),
        ("medical_ai.category.values", '["Jane Roe","GE"]'),
        ("medical_ai.feature.names", '["age","lactate"]'),
        ("medical_ai.feature.values", "[94.0,2.1]"),
    ]
    other = [
        ("medical_ai.feature.names", '["radius"]'),
        ("medical_ai.feature.values", "[94.0]"),
    ]
    rows, _ = run("otel_traces", {"SpanAttributes": told}, {"SpanAttributes": other})
    kept = dict(rows[0]["SpanAttributes"])
    assert kept["medical_ai.category.values"] == '["[NAME]", "GE"]'
    assert kept["medical_ai.feature.values"] == "[90.0, 2.1]"
    assert rows[1]["SpanAttributes"] == other


@pytest.mark.parametrize(
    ("preset", "key", "kept"),
    [
        ("pseudonymise", KEY, "p_k1_"),
        ("pseudonymise", b"", ""),
        ("safe_harbor", KEY, ""),
    ],
)
def test_a_patient_id_becomes_a_pseudonym_or_nothing(
    run: Callable[..., Any], preset: str, key: bytes, kept: str
) -> None:
    """Without a key, and under safe_harbor, nothing stands for the patient."""
    (row,), _ = run("calls", {"patient_id": "4711081"}, preset=preset, key=key)
    assert row["patient_id"][:5] == kept


def test_a_token_passes_untouched(run: Callable[..., Any]) -> None:
    """SDK and processor share the key: what one made the other leaves."""
    token = Protector(key=KEY).pseudonym("4711081")
    (row,), telemetry = run("calls", {"patient_id": token})
    assert (row["patient_id"], telemetry.total("redact.values")) == (token, 0)


def test_observe_only_counts_and_changes_nothing(run: Callable[..., Any]) -> None:
    """The control of a leak check: all is met, all stays."""
    (row,), telemetry = run(
        "otel_traces",
        {"SpanName": RAW, "SpanAttributes": [("mrn", "4711081")]},
        preset="observe_only",
    )
    assert (row["SpanName"], row["SpanAttributes"]) == (RAW, [("mrn", "4711081")])
    assert telemetry.total("redact.values", action="observe") == 3


def test_the_seal_names_preset_key_and_rules() -> None:
    """Another preset, key id or rule file is another seal."""
    redact = Redact(Protector(key=KEY), Telemetry())
    policy = redact(_one("otel_traces", SpanName="x")).policy or ""
    assert policy.rpartition("-")[0] == "pseudonymise-k1"


def _one(table: Any, **columns: object) -> Batch:
    schema = SCHEMAS[table]
    row = {f.name: columns.get(f.name) for f in schema}
    rows = pa.RecordBatch.from_pylist([row], schema)
    return Batch(table, rows, Origin("grpc", 1))


def test_a_value_that_cannot_be_judged_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error over one value takes that value, and is counted."""
    telemetry = Telemetry()
    protector = Protector(key=KEY)
    redact = Redact(protector, telemetry)

    def fails(*_: object) -> None:
        raise RuntimeError(RAW)

    monkeypatch.setattr(protector, "redactions", fails)
    sealed = redact(_one("otel_traces", SpanName=RAW, ServiceName="triage"))
    row = sealed.rows.to_pylist()[0]
    assert (row["SpanName"], row["ServiceName"]) == ("[REDACTED]", "triage")
    assert telemetry.total("redact.errors") == 1


def test_columns_that_cannot_be_read_are_emptied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the engine fails no text stays, and places of lists do."""
    telemetry = Telemetry()
    redact = Redact(Protector(key=KEY), telemetry)

    def fails(*_: object) -> None:
        raise RuntimeError(RAW)

    monkeypatch.setattr(Prefilter, "hits", fails)
    attributes = [("note", RAW)]
    raw = _one(
        "otel_traces",
        SpanName=RAW,
        SpanAttributes=attributes,
        **{"Events.Attributes": [attributes, attributes], "Events.Name": [RAW, RAW]},
    )
    sealed = redact(raw)
    row = sealed.rows.to_pylist()[0]
    assert (row["SpanName"], row["SpanAttributes"]) == ("[REDACTED]", [])
    assert (row["Events.Name"], row["Events.Attributes"]) == (
        ["[REDACTED]"] * 2,
        [[], []],
    )
    assert sealed.policy is not None
    # a column without any text, as those of links here, has nothing to be read
    assert telemetry.total("redact.errors") == 9


def test_a_text_too_long_to_be_searched_goes(run: Callable[..., Any]) -> None:
    """A long text in which a rule may fit is not kept on trust."""
    (row,), _ = run("otel_logs", {"Body": "x" * 300_000 + " jane.roe@example.com"})
    assert row["Body"] == "[LONG]"


def test_text_in_an_unknown_kind_of_column_is_refused_at_start() -> None:
    """A schema that the walk does not know cannot slip by it."""
    with pytest.raises(TypeError):
        shape.is_text(pa.large_string())


def test_threads_share_one_stage() -> None:
    """Workers redact at the same time and get what each alone would get."""
    redact = Redact(Protector(key=KEY), Telemetry())
    bodies = [f"{RAW}{i} call (201) 555-0{i}" for i in range(100, 160)]
    raw = [_one("otel_logs", Body=body) for body in bodies]
    alone = [redact(batch).rows for batch in raw]
    with ThreadPoolExecutor(4) as pool:
        together = [batch.rows for batch in pool.map(redact, raw)]
    assert together == alone
