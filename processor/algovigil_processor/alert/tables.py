"""The tables of alerting in the operational database.

Times are Unix nanoseconds. A row of `alert_outbox` is one event for one target; its
`delivery_id` is the idempotency key that every attempt carries. Rows of transitions
and attempts wait for ClickHouse until `mirrored`, in groups of one `mirror_token`.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from algovigil_processor.state import METADATA

_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _value() -> sa.Column[float]:
    return sa.Column("value", sa.Float(53), nullable=True)


def _subject() -> tuple[sa.Column[str], ...]:
    return tuple(_text(name) for name in ("model", "version", "site", "subgroup"))


def _mirror() -> tuple[sa.Column[str], sa.Column[bool]]:
    return (
        sa.Column("mirror_token", sa.Text, nullable=True),
        sa.Column("mirrored", sa.Boolean, nullable=False, index=True),
    )


RULES: Final = sa.Table(
    "alert_rules",
    METADATA,
    _text("name", key=True),
    _text("condition"),
    _text("severity"),
    _time("for_ns"),
    _text("channels"),  # a JSON list
    _time("updated_ns"),
)

STATES: Final = sa.Table(
    "alert_states",
    METADATA,
    _text("rule", key=True),
    _text("model", key=True),
    _text("version", key=True),
    _text("site", key=True),
    _text("subgroup", key=True),
    _text("phase"),
    _time("since_ns"),
    _time("fired_ns"),
    _text("incident_id"),
    _time("ended_ns"),  # 0 while the condition holds
)

INCIDENTS: Final = sa.Table(
    "incidents",
    METADATA,
    _text("incident_id", key=True),
    _text("rule"),
    _text("severity"),
    *_subject(),
    _text("condition"),
    _time("since_ns"),
    sa.Column("fired_ns", sa.BigInteger, nullable=False, index=True),
    _time("resolved_ns"),  # 0 while it fires
    _text("ending"),
    _value(),
)

TRANSITIONS: Final = sa.Table(
    "alert_transitions",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    _time("at_ns"),
    _text("incident_id"),
    _text("rule"),
    *_subject(),
    _text("severity"),
    _text("before"),
    _text("after"),
    _value(),
    _text("reason"),
    *_mirror(),
)

OUTBOX: Final = sa.Table(
    "alert_outbox",
    METADATA,
    sa.Column("seq", _ID, primary_key=True, autoincrement=True),
    sa.Column("delivery_id", sa.Text, nullable=False, unique=True),
    _text("incident_id"),
    _text("channel"),
    _text("target"),
    _text("event"),
    _text("body"),
    _time("created_ns"),
    sa.Column("attempts", sa.Integer, nullable=False),
    _time("next_attempt_ns"),
    _text("state"),  # waiting | sent | dead
    sa.Index("alert_outbox_due", "state", "next_attempt_ns"),
)

ATTEMPTS: Final = sa.Table(
    "alert_attempts",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    _time("at_ns"),
    _text("delivery_id"),
    _text("incident_id"),
    _text("channel"),
    _text("event"),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("latency_ms", sa.Float(53), nullable=False),
    _text("outcome"),
    sa.Column("code", sa.Integer, nullable=False),
    *_mirror(),
)

TABLES: Final = (RULES, STATES, INCIDENTS, TRANSITIONS, OUTBOX, ATTEMPTS)
