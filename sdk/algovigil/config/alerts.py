"""Rules, and where their alerts go."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 # resolved by get_type_hints
from dataclasses import dataclass, field

from algovigil.config.read import one_of

SEVERITIES = ("critical", "warning", "info")
POLICIES = ("keep", "alert")


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert rule; `duration` is how long, in seconds, it must hold to fire."""

    name: str
    condition: str
    severity: str = "warning"
    duration: float = 0.0
    channels: tuple[str, ...] = ()
    keep_firing: float = 0.0
    """Seconds that it keeps firing after its condition ended: no flapping."""
    resolve_when: str = ""
    """What must hold for it to end, where that is more than its condition's end."""
    min_samples: int = 0
    """Calls that a latency or ratio must rest on; 0 is `alerts.min_samples`."""
    on_no_data: str = "keep"
    on_error: str = "keep"
    """`keep` what it was, or `alert`; missing data never ends an alert."""

    def __post_init__(self) -> None:
        one_of(f"severity of rule {self.name!r}", self.severity, SEVERITIES)
        for key in ("on_no_data", "on_error"):
            one_of(f"{key} of rule {self.name!r}", getattr(self, key), POLICIES)


@dataclass(frozen=True, slots=True)
class Channel:
    """Where an alert goes. Which fields count depends on `type`."""

    type: str
    url: str = ""
    url_env_var: str = ""
    secret_env_var: str = ""
    smtp_server: str = ""
    smtp_port: int = 587
    username: str = ""
    password_env_var: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    tls: str = "starttls"
    timeout: float = 15.0

    def __post_init__(self) -> None:
        one_of("channel type", self.type, ("webhook", "email"))
        one_of("channel tls", self.tls, ("starttls", "implicit", "none"))


@dataclass(frozen=True, slots=True)
class Alerts:
    """Rules, channels, and how often rules are evaluated."""

    rules: tuple[Rule, ...] = ()
    channels: Mapping[str, Channel] = field(default_factory=dict)
    interval: float = 15.0
    window: float = 300.0
    min_samples: int = 20

    def __post_init__(self) -> None:
        for rule in self.rules:
            for channel in rule.channels:
                one_of(f"channel of rule {rule.name!r}", channel, self.channels)
