"""Rules, and where their alerts go."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 # resolved by get_type_hints
from dataclasses import dataclass, field

from algovigil.config.notify import (
    KNOWN_CHANNELS,
    SEVERITIES,
    Channel,
    Grouping,
    Heartbeat,
    Inhibition,
    Maintenance,
)
from algovigil.config.read import at_least, one_of
from algovigil.errors import ConfigError, explain

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
class Alerts:
    """Rules, channels, and how often rules are evaluated. Times in seconds."""

    rules: tuple[Rule, ...] = ()
    channels: Mapping[str, Channel] = field(default_factory=dict)
    interval: float = 15.0
    window: float = 300.0
    min_samples: int = 20
    defaults: bool = True
    """Whether the provided rules protect every model."""
    default_channels: tuple[str, ...] = ()
    """Where provided rules and those of `sla` are told; none is every channel."""
    silent_after: float = 3600.0
    """Seconds without a call after which a model that was called counts as silent."""
    replay: float = 3600.0
    """How far back slots that passed meanwhile are caught up."""
    max_delay: float = 60.0
    """How long evaluation waits at most for calls that are stored late."""

    grouping: Grouping = field(default_factory=Grouping)
    inhibitions: tuple[Inhibition, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    longest_silence: float = 7 * 86_400.0
    longest_silence_critical: float = 4 * 3600.0
    """Of a silence that could keep a critical alert from being told."""
    keep_days: float = 30.0
    """How long what is over is kept; its history stays in ClickHouse."""
    private_networks: tuple[str, ...] = ()
    """Networks of this house, such as 10.0.0.0/8, that web channels may reach."""
    heartbeat: Heartbeat = field(default_factory=Heartbeat)

    def __post_init__(self) -> None:
        if self.interval <= 0:
            raise ConfigError(
                explain(f"alerts.interval: {self.interval}", "seconds above 0")
            )
        at_least("alerts.silent_after", self.silent_after, 1.0)
        known = (*self.channels, *KNOWN_CHANNELS)
        for channel in self.default_channels:
            one_of("alerts.default_channels", channel, known)
        for rule in self.rules:
            for channel in rule.channels:
                one_of(f"channel of rule {rule.name!r}", channel, known)
        for name, declared in self.channels.items():
            if declared.failover:
                one_of(f"failover of channel {name!r}", declared.failover, known)
        at_least("alerts.keep_days", self.keep_days, 0.0)


_RANKED = ("latency_p50", "latency_p95", "latency_p99")


@dataclass(frozen=True, slots=True)
class Sla:
    """What is promised of every model; each key is an objective, 0 is none.

    Milliseconds and percent: `latency_p95: 2000` promises that 95 % of calls take at
    most 2 s, `availability: 99.9` and `error_rate: 0.1` that 99.9 % do not fail.
    """

    latency_p50: float = 0.0
    latency_p95: float = 0.0
    latency_p99: float = 0.0
    availability: float = 0.0
    error_rate: float = 0.0
    period_days: float = 30.0
    """Over how many days a promise is kept or broken."""

    def __post_init__(self) -> None:
        for name, value in self.objectives().items():
            most = float("inf") if name.startswith("latency") else 100.0
            if not 0 < value < most:
                raise ConfigError(
                    explain(f"sla.{name}: {value:g}", "ms above 0, or 0 to 100 %")
                )
        if not 1 <= self.period_days <= 350:
            raise ConfigError(
                explain(f"sla.period_days: {self.period_days:g}", "1 to 350 days")
            )

    def objectives(self) -> dict[str, float]:
        """Return what is promised, by metric, in ms and percent."""
        names = (*_RANKED, "availability", "error_rate")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value}

    def allowed(self) -> dict[str, float]:
        """Return the share of calls that may break each promise: its error budget."""
        shares = {"latency_p50": 0.5, "latency_p95": 0.05, "latency_p99": 0.01}
        for name, value in self.objectives().items():
            if name not in _RANKED:
                bad = 100.0 - value if name == "availability" else value
                shares[name] = bad / 100.0
        return {name: shares[name] for name in self.objectives()}
