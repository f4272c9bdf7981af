"""A person named in one field of a record is masked in its others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unit.redact.conftest import Run


def test_a_name_is_masked_in_the_siblings_of_its_record_alone(run: Run) -> None:
    """Attributes, events and status; another row's same word stays."""
    told = {
        "SpanName": "render okonkwo letter",
        "SpanAttributes": [
            ("patient.name", "Zebulon Okonkwo"),
            ("note", "okonkwo asked for a copy"),
            ("service.name", "okonkwo-api"),
        ],
        "Events.Name": ["sent to Okonkwo"],
        "StatusMessage": "ZEBULON OKONKWO has no address",
    }
    (first, second), _ = run(
        "otel_traces", told, {"SpanAttributes": [("note", "okonkwo index rebuilt")]}
    )
    assert dict(first["SpanAttributes"]) == {
        "patient.name": "[NAME]",
        "note": "[NAME] asked for a copy",
        "service.name": "okonkwo-api",
    }
    assert first["SpanName"] == "render [NAME] letter"
    assert first["Events.Name"] == ["sent to [NAME]"]
    assert first["StatusMessage"] == "[NAME] has no address"
    assert dict(second["SpanAttributes"]) == {"note": "okonkwo index rebuilt"}


def test_words_that_mean_something_else_need_each_other(run: Run) -> None:
    """`Grace Woods` is masked as a pair; `grace period` is no person."""
    row = {
        "Body": "letter to Grace Woods: grace period over",
        "LogAttributes": [("patient.name", "Grace Woods")],
    }
    ((kept,), _) = run("otel_logs", row)
    assert kept["Body"] == "letter to [NAME]: grace period over"


def test_what_was_done_is_counted_by_rule_and_column(run: Run) -> None:
    """Counters say class, action, rule and column, and never a value."""
    row = {"Body": "ssn 219-09-9999", "LogAttributes": [("mrn", "4711081")]}
    _, telemetry = run("otel_logs", row)
    assert telemetry.total("redact.values", rule="ssn", field="Body") == 1
    assert telemetry.total("redact.values", rule="key", field="LogAttributes") == 1
