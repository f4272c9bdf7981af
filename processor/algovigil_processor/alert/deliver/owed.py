"""The rows of the outbox: what is owed to whom, and whose attempt is under way.

A row is claimed before its attempt and settled after it. A claim found by another run,
or past its time, is the trace of a sender that was killed in between: its receiver may
have heard it, and hears it again.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from algovigil_processor.alert.deliver import Result
from algovigil_processor.alert.tables import ATTEMPTS, OUTBOX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from algovigil_processor.alert.deliver import Courier
    from algovigil_processor.alert.message import Message

_SECOND_NS: Final = 10**9
LONGEST_WISH: Final = 900.0  # a Retry-After beyond 15 min would be silence
GIVE_UP_NS: Final = 24 * 3600 * _SECOND_NS
FAILOVER_NS: Final = {
    "critical": 120 * _SECOND_NS,
    "warning": 900 * _SECOND_NS,
    "info": 3600 * _SECOND_NS,
}
"""How long a channel has before its failover is told as well."""


@dataclass(frozen=True, slots=True)
class Owed:
    """One message that one target has not heard yet."""

    delivery_id: str
    message_id: str
    group_id: str
    channel: str
    target: str
    event: str
    severity: str
    body: str
    attempts: int
    created_ns: int
    claim: str = ""
    failed_over: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one delivery, as it happened; `retry_ns` is 0 when it was the last."""

    at_ns: int
    owed: Owed
    number: int
    latency_ms: float
    result: Result
    retry_ns: int = 0


def delivery_id(*parts: str) -> str:
    """Return the idempotency key of what *parts* name, which replays keep."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def enqueue(
    db: sa.Connection,
    message: Message,
    message_id: str,
    channel: str,
    couriers: Mapping[str, Courier],
    now_ns: int,
) -> None:
    """Owe *message* to every target of *channel*.

    Where its terms allow, it takes the place of what its group still waits to hear,
    and keeps how long that has been owed. A failover that heard of the group hears the
    rest of it too, so that it learns of the end.
    """
    courier = couriers[channel]
    begun: dict[str, int] = {}
    if courier.terms.supersedes and _is_whole(message):
        begun = _supersede(db, channel, message.group_id)
    targets = [(channel, target, False) for target in courier.targets]
    failover = courier.terms.failover
    if failover in couriers and _heard(db, failover, message.group_id):
        if couriers[failover].terms.supersedes and _is_whole(message):
            _supersede(db, failover, message.group_id)
        targets += [(failover, target, True) for target in couriers[failover].targets]
    body = message.body()
    rows = [
        _row(
            Owed(
                delivery_id(message_id, name, target),
                *(message_id, message.group_id, name, target),
                *(message.event, message.severity, body, 0),
                begun.get(target, now_ns) if name == channel else now_ns,
                failed_over=failed_over,
            ),
            now_ns,
        )
        for name, target, failed_over in targets
    ]
    if rows:
        db.execute(sa.insert(OUTBOX), rows)


def _is_whole(message: Message) -> bool:
    """Tell whether *message* says all there is to say of its group."""
    return message.event in ("firing", "resolved")


def _heard(db: sa.Connection, channel: str, group_id: str) -> bool:
    query = sa.select(OUTBOX.c.seq).where(
        OUTBOX.c.channel == channel,
        OUTBOX.c.group_id == group_id,
        OUTBOX.c.failed_over.is_(True),
    )
    return db.execute(query.limit(1)).first() is not None


def _supersede(db: sa.Connection, channel: str, group_id: str) -> dict[str, int]:
    """Withdraw what no attempt is under way for; return since when it was owed."""
    stale = sa.and_(
        OUTBOX.c.channel == channel,
        OUTBOX.c.group_id == group_id,
        OUTBOX.c.state == "waiting",
        OUTBOX.c.claim == "",
    )
    since = sa.func.min(OUTBOX.c.created_ns).label("since")
    query = sa.select(OUTBOX.c.target, since).where(stale).group_by(OUTBOX.c.target)
    begun = {row.target: row.since for row in db.execute(query)}
    if begun:
        db.execute(sa.update(OUTBOX).where(stale).values(state="superseded"))
    return begun


def due(
    db: sa.Connection, channel: str, now_ns: int, mine: str, most: int, *, alone: bool
) -> list[Owed]:
    """Return what is due: of each group and target only its oldest message.

    So nobody hears that an alert ended before hearing that it began. With *alone*, no
    other process sends, and every claim but *mine* is that of a dead one. The gravest
    come first.
    """
    waiting = sa.and_(OUTBOX.c.state == "waiting", OUTBOX.c.channel == channel)
    lane = (OUTBOX.c.group_id, OUTBOX.c.target)
    heads = sa.select(sa.func.min(OUTBOX.c.seq)).where(waiting).group_by(*lane)
    # a clock that was ahead and is mended must not hold a message back
    longest_ns = int(LONGEST_WISH * _SECOND_NS)
    time = sa.or_(
        OUTBOX.c.next_attempt_ns <= now_ns,
        OUTBOX.c.next_attempt_ns > now_ns + 2 * longest_ns,
    )
    free = sa.or_(
        OUTBOX.c.claim.in_(("", mine)),
        OUTBOX.c.claim_until_ns <= now_ns,
        OUTBOX.c.claim_until_ns > now_ns + 2 * longest_ns,
        sa.literal(alone),
    )
    grave = sa.case(
        {"critical": 0, "warning": 1, "info": 2}, value=OUTBOX.c.severity, else_=3
    )
    columns = [OUTBOX.c[field.name] for field in dataclasses.fields(Owed)]
    query = (
        sa.select(*columns)
        .where(OUTBOX.c.seq.in_(heads), time, free)
        .order_by(grave, OUTBOX.c.seq)
        .limit(most)
    )
    return [Owed(**row) for row in db.execute(query).mappings()]


def claim(
    db: sa.Connection, owed: Sequence[Owed], mine: str, until_ns: int, now_ns: int
) -> list[Owed]:
    """Claim *owed*; return what another has not claimed meanwhile.

    A claim that is taken over is written down as an attempt that was interrupted.
    """
    taken: list[Owed] = []
    for one in owed:
        query = (
            sa.update(OUTBOX)
            .where(
                OUTBOX.c.delivery_id == one.delivery_id,
                OUTBOX.c.state == "waiting",
                OUTBOX.c.claim == one.claim,
            )
            .values(claim=mine, claim_until_ns=until_ns)
        )
        if not db.execute(query).rowcount:
            continue
        if one.claim:
            number = one.attempts + 1
            record(db, Attempt(now_ns, one, number, 0.0, Result("interrupted"), now_ns))
            db.execute(
                sa.update(OUTBOX)
                .where(OUTBOX.c.delivery_id == one.delivery_id)
                .values(attempts=number)
            )
            one = dataclasses.replace(one, attempts=number)
        taken.append(one)
    return taken


def settle(db: sa.Connection, attempt: Attempt, state: str) -> bool:
    """Write down *attempt*, and where its delivery stands; False if it did not wait."""
    wanted = OUTBOX.c.delivery_id == attempt.owed.delivery_id
    settled = db.execute(
        sa.update(OUTBOX)
        .where(wanted, OUTBOX.c.state == "waiting")
        .values(
            state=state,
            attempts=attempt.number,
            next_attempt_ns=attempt.retry_ns or attempt.at_ns,
            claim="",
            claim_until_ns=0,
        )
    )
    if settled.rowcount:
        record(db, attempt)
    return bool(settled.rowcount)


def release(db: sa.Connection, owed: Sequence[Owed], mine: str) -> None:
    """Give back claims of which no attempt was made."""
    ids = [one.delivery_id for one in owed]
    db.execute(
        sa.update(OUTBOX)
        .where(OUTBOX.c.delivery_id.in_(ids), OUTBOX.c.claim == mine)
        .values(claim="", claim_until_ns=0)
    )


def late(db: sa.Connection, now_ns: int, channels: Sequence[str]) -> list[Owed]:
    """Return what waits for a channel that is gone, or too long for its severity."""
    bound = sa.case(FAILOVER_NS, value=OUTBOX.c.severity, else_=0)
    columns = [OUTBOX.c[field.name] for field in dataclasses.fields(Owed)]
    query = (
        sa.select(*columns)
        .where(
            OUTBOX.c.state == "waiting",
            sa.or_(
                OUTBOX.c.channel.not_in(channels),
                OUTBOX.c.created_ns <= now_ns - GIVE_UP_NS,
                sa.and_(
                    OUTBOX.c.failed_over.is_(False),
                    OUTBOX.c.created_ns <= now_ns - bound,
                ),
            ),
        )
        .order_by(OUTBOX.c.seq)
        .limit(1000)
    )
    return [Owed(**row) for row in db.execute(query).mappings()]


def fail_over(
    db: sa.Connection, owed: Owed, couriers: Mapping[str, Courier], now_ns: int
) -> int:
    """Owe to the failover of its channel what *owed* says, once; return to how many."""
    # of senders that come to it at once, one is the first
    wanted = sa.and_(
        OUTBOX.c.delivery_id == owed.delivery_id, OUTBOX.c.failed_over.is_(False)
    )
    first = db.execute(sa.update(OUTBOX).where(wanted).values(failed_over=True))
    courier = couriers.get(owed.channel)
    name = courier.terms.failover if courier else ""
    if not first.rowcount or name not in couriers or _outrun(db, owed, name):
        return 0
    rows = [
        _row(
            dataclasses.replace(
                owed,
                delivery_id=delivery_id(owed.delivery_id, name, target),
                channel=name,
                target=target,
                attempts=0,
                created_ns=now_ns,
                claim="",
                failed_over=True,  # a failover fails over to nobody else
            ),
            now_ns,
        )
        for target in couriers[name].targets
    ]
    db.execute(sa.insert(OUTBOX), rows)
    return len(rows)


def _outrun(db: sa.Connection, owed: Owed, channel: str) -> bool:
    """Tell whether *channel* was already owed a later message of the group.

    That one said again what *owed*, which waited then, has to say.
    """
    its = sa.select(OUTBOX.c.seq).where(OUTBOX.c.delivery_id == owed.delivery_id)
    query = sa.select(OUTBOX.c.seq).where(
        OUTBOX.c.channel == channel,
        OUTBOX.c.group_id == owed.group_id,
        OUTBOX.c.event.in_(("firing", "resolved")),
        OUTBOX.c.message_id != owed.message_id,
        OUTBOX.c.seq > its.scalar_subquery(),
    )
    return db.execute(query.limit(1)).first() is not None


def replay(db: sa.Connection, wanted: str, now_ns: int) -> bool:
    """Owe a dead letter again; False when there is none of that id."""
    query = (
        sa.update(OUTBOX)
        .where(OUTBOX.c.delivery_id == wanted, OUTBOX.c.state == "dead")
        .values(state="waiting", created_ns=now_ns, next_attempt_ns=now_ns)
    )
    return bool(db.execute(query).rowcount)


def record(db: sa.Connection, attempt: Attempt) -> None:
    """Write *attempt* into the history."""
    owed, result = attempt.owed, attempt.result
    db.execute(
        sa.insert(ATTEMPTS).values(
            at_ns=attempt.at_ns,
            delivery_id=owed.delivery_id,
            group_id=owed.group_id,
            channel=owed.channel,
            event=owed.event,
            attempt=attempt.number,
            latency_ms=attempt.latency_ms,
            outcome=result.outcome,
            code=result.code,
            retry_ns=attempt.retry_ns,
            mirrored=False,
        )
    )


def _row(owed: Owed, now_ns: int) -> dict[str, object]:
    return {
        **{field.name: getattr(owed, field.name) for field in dataclasses.fields(owed)},
        "next_attempt_ns": now_ns,
        "state": "waiting",
    }
