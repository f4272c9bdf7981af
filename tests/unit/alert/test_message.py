"""Messages: closed words, bounded names, numbers; and nothing else has a way in."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algovigil_processor.alert.message import MAX_ITEMS, MAX_NAME, Item, Message
from algovigil_processor.alert.rules.grammar import parse
from algovigil_processor.alert.rules.tree import unselected
from unit.alert.trees import conditions

AT = 1_780_000_000_123_456_000
ITEM = Item(
    "0123456789abcdef" * 2,
    "High Latency P95",
    "critical",
    AT,
    (("model", "wdbc"), ("version", "Pipeline@3f9c2a71"), ("site", "")),
    parse('latency_p95{model="wdbc"} > 2 s'),
    (("latency_p95", 2345.5),),
    AT + 10**9,
    AT + 2 * 10**9,
    "condition_false",
)
MESSAGE = Message(
    "resolved",
    "all_resolved",
    "critical",
    AT + 2 * 10**9,
    "fedcba9876543210" * 2,
    (("model", "wdbc"),),
    (ITEM,),
    0,
    1,
    0,
    "http://127.0.0.1:8080/api/v1/alerts/history?incident_id=0123",
)


def test_body_says_exactly_this() -> None:
    """The body of a web hook is this JSON, field for field."""
    assert json.loads(MESSAGE.body()) == {
        "type": "alert.resolved",
        "timestamp": "2026-05-28T20:26:42.123456Z",
        "data": {
            "group_id": "fedcba9876543210" * 2,
            "reason": "all_resolved",
            "severity": "critical",
            "level": 0,
            "labels": {"model": "wdbc"},
            "firing": 0,
            "resolved": 1,
            "incidents": [
                {
                    "incident_id": "0123456789abcdef" * 2,
                    "rule": "High Latency P95",
                    "severity": "critical",
                    "model": "wdbc",
                    "version": "Pipeline@3f9c2a71",
                    "site": "",
                    "condition": "latency_p95 > 2s",
                    "values": [
                        {"metric": "latency_p95", "value": 2345.5, "unit": "ms"}
                    ],
                    "since": "2026-05-28T20:26:40.123456Z",
                    "fired": "2026-05-28T20:26:41.123456Z",
                    "resolved": "2026-05-28T20:26:42.123456Z",
                    "reason": "condition_false",
                    "replayed": False,
                }
            ],
            "more": 0,
            "link": "http://127.0.0.1:8080/api/v1/alerts/history?incident_id=0123",
        },
    }


def test_text_is_for_people() -> None:
    """A mail names rule, model, value and times in plain words."""
    text = MESSAGE.text()
    assert text.startswith("RESOLVED critical: High Latency P95 on wdbc Pipeline@3f9c")
    assert "condition latency_p95 > 2s" in text
    assert "latency_p95: 2345.5 ms" in text
    assert "fired 2026-05-28T20:26:41.123456Z, resolved 2026-05-28T20:26:42" in text


def test_many_incidents_are_counted_and_the_first_shown() -> None:
    """A storm is one message of bounded size that says how many it leaves out."""
    firing = dataclasses.replace(ITEM, resolved_ns=0, ending="")
    message = dataclasses.replace(
        MESSAGE, event="firing", items=(firing,) * 50, firing=10_000, resolved=3
    )
    assert message.more == 10_003 - MAX_ITEMS
    assert message.headline() == "FIRING critical: 10000 firing, 3 resolved on wdbc"
    assert f"and {message.more} more" in message.text()
    assert len(message.body()) < 20_000


names = st.text(max_size=300)


@given(names, names, names, conditions(), st.none() | st.floats(-1e9, 1e9))
def test_body_reads_back(
    rule: str, model: str, version: str, tree: object, value: float | None
) -> None:
    """Whatever the names, a body reads back as the message that wrote it."""
    labels = (("model", model), ("version", version))
    values = (("psi", value),)
    item = Item("", rule, "info", AT, labels, tree, values, AT)
    assert unselected(tree) == item.condition
    message = Message("firing", "first", "info", AT, "", labels[:1], (item,), 1)
    assert message == Message.of(message.body())


@given(names)
def test_names_are_one_bounded_line(name: str) -> None:
    """No name breaks a line, a header or a bound, nor brings marks of markup."""
    item = Item("", name, "info", AT, (("model", name),))
    model = item.subject[0][1]
    for kept in (item.rule, model):
        assert len(kept) <= MAX_NAME
        assert len(kept.splitlines()) <= 1
        assert kept == "".join(c for c in kept if c.isprintable())
    assert not set("<>&\"'`\\{}[]|*=;,!?$%") & set(model)


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "patient admitted"},
        {"reason": "the patient died"},
        {"severity": "high"},
        {"group_id": "MRN 12345678"},
        {"group_id": "abc\n"},
        {"labels": (("patient", "J. Doe"),)},
    ],
)
def test_foreign_words_are_refused(wrong: dict[str, object]) -> None:
    """A field of a closed vocabulary takes no other word."""
    with pytest.raises(ValueError, match="vocabulary"):
        dataclasses.replace(MESSAGE, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"severity": "high"},
        {"ending": "the patient died"},
        {"incident_id": "MRN 12345678"},
        {"subject": (("glucose of J. Doe", "1"),)},
        {"values": (("glucose of J. Doe", 1.0),)},
    ],
)
def test_foreign_words_of_an_incident_are_refused(wrong: dict[str, object]) -> None:
    """The same holds for each incident in a message."""
    with pytest.raises(ValueError, match="vocabulary"):
        dataclasses.replace(ITEM, **wrong)
