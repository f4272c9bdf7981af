"""The tables of alerting in the operational database.

Times are Unix nanoseconds, 0 for never. A row of `alert_outbox` is one message for one
target; its `delivery_id` is the idempotency key that every attempt carries. Rows of
changes, transitions and attempts wait for ClickHouse until `mirrored`, in groups of one
`mirror_token`.
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


def _later(name: str) -> sa.Column[int]:
    """A number that an incident does not begin with."""
    return sa.Column(name, sa.BigInteger, nullable=False, default=0)


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
    _text("origin"),  # file | sla | default | api
    _text("setting"),  # JSON, as in the settings
    _time("updated_ns"),
)

CHANGES: Final = sa.Table(
    "alert_changes",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    _time("at_ns"),
    _text("actor"),
    _text("kind"),  # rule | silence
    sa.Column("name", sa.Text, nullable=False, index=True),  # of a silence its id
    _text("action"),  # created | changed | removed | expired
    _text("before"),  # JSON, '' for none
    _text("after"),
    _later("starts_ns"),  # of a silence
    _later("ends_ns"),
    *_mirror(),
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

SLOTS: Final = sa.Table(
    "alert_slots",
    METADATA,
    _text("name", key=True),
    _time("last_ns"),  # the slot that was judged last
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
    # from here on: who is told, and who takes care of it; `notify` begins it
    sa.Column("policy", sa.Text, nullable=False, default=""),  # `escalate.Policy`
    _later("level"),
    _later("step_ns"),
    sa.Column("ack_by", sa.Text, nullable=False, default=""),
    _later("ack_ns"),
    _later("ack_until_ns"),
    _later("withheld_ns"),
    sa.Column("figures", sa.Text, nullable=False, default="[]"),  # `Turn.values`
    sa.Column("replayed", sa.Boolean, nullable=False, default=False),
    sa.Column("begun", sa.Boolean, nullable=False, default=False),
    # all is told that will be
    sa.Column("settled", sa.Boolean, nullable=False, default=False, index=True),
)

GROUPS: Final = sa.Table(
    "alert_groups",
    METADATA,
    _text("channel", key=True),
    _text("labels", key=True),  # JSON; '' is the group that takes what is too much
    _text("group_id"),
    _time("opened_ns"),
    _time("next_ns"),
    _later("told_ns"),
    sa.Column("acknowledged", sa.Boolean, nullable=False, default=False),
    _later("messages"),
)

MEMBERS: Final = sa.Table(
    "alert_members",
    METADATA,
    _text("incident_id", key=True),
    _text("channel", key=True),
    _text("labels"),
    _later("level"),
    sa.Column("told", sa.Text, nullable=False, default=""),
    _later("told_level"),
    sa.Column("message_id", sa.Text, nullable=False, default=""),
)

SILENCES: Final = sa.Table(
    "alert_silences",
    METADATA,
    _text("silence_id", key=True),
    _text("matchers"),  # a JSON list
    _text("author"),
    _text("comment"),
    _time("starts_ns"),
    _time("ends_ns"),
    _time("created_ns"),
    _text("replaces"),
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
    sa.Column("actor", sa.Text, nullable=False, default=""),
    sa.Column("replayed", sa.Boolean, nullable=False, default=False),
    *_mirror(),
)

OUTBOX: Final = sa.Table(
    "alert_outbox",
    METADATA,
    sa.Column("seq", _ID, primary_key=True, autoincrement=True),
    sa.Column("delivery_id", sa.Text, nullable=False, unique=True),
    _text("message_id"),
    _text("group_id"),
    _text("channel"),
    _text("target"),
    _text("event"),
    _text("severity"),
    _text("body"),
    _time("created_ns"),
    sa.Column("attempts", sa.Integer, nullable=False),
    _time("next_attempt_ns"),
    _text("state"),  # waiting | sent | dead | superseded
    sa.Column("failed_over", sa.Boolean, nullable=False, default=False),
    # whose attempt is under way, and until when it may be
    sa.Column("claim", sa.Text, nullable=False, default=""),
    _later("claim_until_ns"),
    sa.Index("alert_outbox_due", "state", "next_attempt_ns"),
)

ATTEMPTS: Final = sa.Table(
    "alert_attempts",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    _time("at_ns"),
    _text("delivery_id"),
    _text("group_id"),
    _text("channel"),
    _text("event"),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("latency_ms", sa.Float(53), nullable=False),
    _text("outcome"),
    sa.Column("code", sa.Integer, nullable=False),
    _later("retry_ns"),  # when it is tried again
    *_mirror(),
)

LEASES: Final = sa.Table(
    "leases",
    METADATA,
    _text("name", key=True),
    _text("holder"),
    _time("until_ns"),
)

TABLES: Final = (
    RULES,
    CHANGES,
    STATES,
    SLOTS,
    INCIDENTS,
    GROUPS,
    MEMBERS,
    SILENCES,
    TRANSITIONS,
    OUTBOX,
    ATTEMPTS,
    LEASES,
)
