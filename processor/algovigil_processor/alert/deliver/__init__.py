"""Send alert messages: one file a channel type, one outbox for all.

A courier tries once and says what happened; whether and when to try again is the
outbox's to decide, whose clock lives in the database and survives any kill.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from algovigil.errors import ConfigError, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.config import Channel

Outcome: TypeAlias = Literal[
    "sent",
    "rate_limited",
    "server_error",
    "client_error",
    "auth_error",
    "redirect",
    "not_taken",  # an answer of success that does not say so
    "deferred",  # SMTP 4yz
    "refused",  # SMTP 5yz
    "timeout",
    "network_error",
    "tls_error",
    "forbidden_address",  # one that channels may not reach
    "channel_removed",
    "expired",  # nobody took it in a day
    "interrupted",  # its sender was killed, and may have been heard
    "unreadable",
    "failed",  # an error of ours
]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt.

    `code` is the HTTP or SMTP status, 0 without an answer; `retry_after` is the
    receiver's wish in seconds.
    """

    outcome: Outcome
    code: int = 0
    may_retry: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a channel bears, and what it hears of.

    `supersedes`: a newer message of a group replaces one that still waits, since it
    says all of it again; not where messages are commands that must come in order.
    """

    per_minute: float
    burst: int
    timeout: float
    failover: str = ""
    supersedes: bool = True
    hears_acknowledgements: bool = True


def terms(
    channel: Channel,
    per_minute: float,
    burst: int,
    *,
    supersedes: bool = True,
    hears_acknowledgements: bool = True,
) -> Terms:
    """Return the terms of *channel*, whose settings win over those of its type."""
    return Terms(
        channel.per_minute or per_minute,
        burst,
        channel.timeout,
        channel.failover,
        supersedes,
        hears_acknowledgements,
    )


class Courier(Protocol):
    """One channel. It sends no more than `body` says, and follows nobody elsewhere."""

    @property
    def kind(self) -> str:
        """The channel type, a label of self-metrics."""

    @property
    def targets(self) -> Sequence[str]:
        """Who is told, one delivery each; '' where the channel has one receiver."""

    @property
    def terms(self) -> Terms:
        """What it bears."""

    async def send(
        self, delivery_id: str, body: str, target: str, now_ns: int
    ) -> Result:
        """Try once. Never raises for what the network or the receiver does."""


def from_environment(variable: str, where: str) -> str:
    """Return the secret in *variable*.

    Raises:
        ConfigError: it is not set, or empty; *where* names the setting.
    """
    value = os.environ.get(variable, "")
    if not value:
        raise ConfigError(
            explain(
                f"{where} names {variable}, which is not set",
                "the secret in that environment variable",
                f"export {variable}=... or put it in `.env` beside the file",
            )
        )
    return value
