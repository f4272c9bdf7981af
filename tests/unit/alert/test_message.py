"""Messages: closed words, bounded names, numbers; and nothing else has a way in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algovigil_processor.alert.message import MAX_NAME, Message
from algovigil_processor.alert.rules.grammar import parse
from algovigil_processor.alert.rules.tree import unselected
from unit.alert.trees import conditions

AT = 1_780_000_000_123_456_000
MESSAGE = Message(
    "resolved",
    rule="High Latency P95",
    severity="critical",
    since_ns=AT,
    incident_id="0123456789abcdef" * 2,
    model="wdbc",
    version="Pipeline@3f9c2a71",
    condition=parse('latency_p95{model="wdbc"} > 2 s'),
    values=(("latency_p95", 2345.5),),
    fired_ns=AT + 10**9,
    resolved_ns=AT + 2 * 10**9,
    ending="condition_false",
    link="http://127.0.0.1:8080/api/v1/alerts/history?incident_id=0123",
)


def test_body_says_exactly_this() -> None:
    """The body of a web hook is this JSON, field for field."""
    assert json.loads(MESSAGE.body()) == {
        "type": "alert.resolved",
        "timestamp": "2026-05-28T20:26:42.123456Z",
        "data": {
            "incident_id": "0123456789abcdef" * 2,
            "rule": "High Latency P95",
            "severity": "critical",
            "model": "wdbc",
            "version": "Pipeline@3f9c2a71",
            "site": "",
            "subgroup": "",
            "condition": "latency_p95 > 2s",
            "values": [{"metric": "latency_p95", "value": 2345.5, "unit": "ms"}],
            "since": "2026-05-28T20:26:40.123456Z",
            "fired": "2026-05-28T20:26:41.123456Z",
            "resolved": "2026-05-28T20:26:42.123456Z",
            "reason": "condition_false",
            "link": "http://127.0.0.1:8080/api/v1/alerts/history?incident_id=0123",
        },
    }


def test_text_is_for_people() -> None:
    """A mail names rule, model, value and times in plain words."""
    text = MESSAGE.text()
    assert text.startswith("RESOLVED critical: High Latency P95 on wdbc Pipeline@3f9c")
    assert "latency_p95:  2345.5 (ms)" in text
    assert "Fired:  2026-05-28T20:26:41.123456Z" in text


names = st.text(max_size=300)


@given(names, names, names, conditions(), st.none() | st.floats(-1e9, 1e9))
def test_body_reads_back(
    rule: str, model: str, version: str, tree: object, value: float | None
) -> None:
    """Whatever the names, a body reads back as the message that wrote it."""
    message = Message(
        "firing",
        rule=rule,
        severity="info",
        since_ns=AT,
        model=model,
        version=version,
        condition=tree,
        values=(("psi", value),),
        fired_ns=AT,
    )
    assert unselected(tree) == message.condition
    assert message == Message.of(message.body())


@given(names)
def test_names_are_one_bounded_line(name: str) -> None:
    """No name breaks a line, a header or a bound, nor brings marks of markup."""
    message = Message("test", rule=name, severity="info", since_ns=AT, model=name)
    for kept in (message.rule, message.model):
        assert len(kept) <= MAX_NAME
        assert len(kept.splitlines()) <= 1
        assert kept == "".join(c for c in kept if c.isprintable())
    assert not set("<>&\"'`\\{}[]|*=;,!?$%") & set(message.model)


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "patient admitted"},
        {"severity": "high"},
        {"ending": "the patient died"},
        {"incident_id": "MRN 12345678"},
        {"incident_id": "abc\n"},
        {"values": (("glucose of J. Doe", 1.0),)},
    ],
)
def test_foreign_words_are_refused(wrong: dict[str, object]) -> None:
    """A field of a closed vocabulary takes no other word."""
    fields = {"event": "test", "rule": "r", "severity": "info", "since_ns": AT}
    with pytest.raises(ValueError, match="vocabulary"):
        Message(**(fields | wrong))
