"""Who is told of an alert, when, by what, and when nobody is to be told."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 # resolved by get_type_hints
from dataclasses import dataclass, field

from algovigil.config.read import at_least, one_of

SEVERITIES = ("critical", "warning", "info")
LABELS = ("rule", "severity", "model", "version", "site", "subgroup")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TYPES = ("webhook", "email", "slack", "pagerduty")


@dataclass(frozen=True, slots=True)
class Channel:
    """Where an alert goes. Which fields count depends on `type`."""

    type: str
    url: str = ""
    url_env_var: str = ""
    secret_env_var: str = ""
    """Signs a webhook; is the integration key of PagerDuty."""
    proxy: str = ""
    smtp_server: str = ""
    smtp_port: int = 587
    username: str = ""
    password_env_var: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    tls: str = "starttls"
    timeout: float = 15.0
    per_minute: float = 0.0
    """Messages at most; 0 is what the type bears (Slack 60, mail 120, others 600)."""
    failover: str = ""
    """The channel that is told what this one could not deliver."""

    def __post_init__(self) -> None:
        one_of("channel type", self.type, TYPES)
        one_of("channel tls", self.tls, ("starttls", "implicit", "none"))
        at_least("channel timeout", self.timeout, 0.01)
        at_least("channel per_minute", self.per_minute, 0.0)


KNOWN_CHANNELS: Mapping[str, Channel] = {
    "slack": Channel("slack", url_env_var="SLACK_WEBHOOK_URL"),
    "pagerduty": Channel("pagerduty", secret_env_var="PAGERDUTY_INTEGRATION_KEY"),  # noqa: S106 # a name
}
"""Channels that a rule may name without declaring them: all they need is a secret."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """Alerts that share the labels `by` share messages. Times in seconds."""

    by: tuple[str, ...] = ("model",)
    wait: float = 30.0
    interval: float = 300.0
    repeat: float = 14_400.0
    most: int = 10
    """Groups open at once on a channel; what fires beyond them shares one more."""

    def __post_init__(self) -> None:
        for label in self.by:
            one_of("label in alerts.grouping.by", label, LABELS)
        for name in ("wait", "interval", "repeat"):
            at_least(f"alerts.grouping.{name}", getattr(self, name), 0.0)
        at_least("alerts.grouping.most", self.most, 1)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert that matches `source` fires, those of `target` are not told.

    Both must have the same values of the labels `equal`.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    equal: tuple[str, ...] = ("model", "version")

    def __post_init__(self) -> None:
        for label in self.equal:
            one_of("label in `equal` of an inhibition", label, LABELS)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window that comes again: from `start` to `end` by the clocks of `zone`.

    An `end` at or before `start` is of the next day. No days is every day;
    `days_of_month` counts from the end when negative.
    """

    name: str
    matchers: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    days_of_month: tuple[int, ...] = ()
    start: str = "00:00"
    end: str = "24:00"
    zone: str = "UTC"

    def __post_init__(self) -> None:
        for day in self.days:
            one_of(f"day of maintenance {self.name!r}", day, DAYS)
        for day_of_month in self.days_of_month:
            numbers = [*map(str, range(1, 32)), *map(str, range(-31, 0))]
            one_of(f"day of maintenance {self.name!r}", str(day_of_month), numbers)


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who else is told of an alert that nobody acknowledges. Times in minutes."""

    escalation_time: float = 15.0
    max_level: int = 3
    escalation_channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    severities: tuple[str, ...] = ("critical", "warning")
    acknowledge_time: float = 60.0
    """How long an acknowledgement lasts unless it says so itself."""

    def __post_init__(self) -> None:
        at_least("escalation.escalation_time", self.escalation_time, 0.001)
        at_least("escalation.acknowledge_time", self.acknowledge_time, 0.001)
        at_least("escalation.max_level", self.max_level, 1)
        levels = [f"level_{number}" for number in range(1, self.max_level + 1)]
        for level in self.escalation_channels:
            one_of("level in escalation.escalation_channels", level, levels)
        for severity in self.severities:
            one_of("severity in escalation.severities", severity, SEVERITIES)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A dead man's switch elsewhere, told every `interval` seconds that alerts work."""

    url: str = ""
    url_env_var: str = ""
    interval: float = 60.0

    def __post_init__(self) -> None:
        at_least("alerts.heartbeat.interval", self.interval, 0.01)
