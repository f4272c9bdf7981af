"""What the processor takes in, protects and stores."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 # resolved by get_type_hints
from dataclasses import dataclass, field

from algovigil.config.read import one_of, within

PRESETS = ("pseudonymise", "safe_harbor", "dicom_basic", "observe_only")


@dataclass(frozen=True, slots=True)
class Database:
    """Operational state: rules, incidents, deliveries. '' is SQLite in the data dir."""

    url: str = ""


@dataclass(frozen=True, slots=True)
class Storage:
    """Telemetry, outcomes and findings. '' is embedded chDB in the data directory."""

    url: str = ""
    allow_plaintext: bool = False
    """Let `clickhouse://` send rows and a password unencrypted to another machine."""
    rollup_seconds: int = 60
    """Width of a rollup bucket."""
    own_metrics_seconds: float = 15.0
    """How often the processor stores its own counters and gauges."""
    ttl_days: Mapping[str, int] = field(default_factory=dict)
    """Days that a table keeps its rows; a table that is not named keeps them."""


@dataclass(frozen=True, slots=True)
class Phi:
    """What becomes of identifiers; the key is `ALGOVIGIL_PHI_KEY`, never the file."""

    preset: str = "pseudonymise"
    key_id: str = "k1"
    canary_seconds: float = 3600.0
    """How often a made-up patient is sent in and searched for; 0 is never."""

    def __post_init__(self) -> None:
        one_of("phi.preset", self.preset, PRESETS)
        within(
            "phi.canary_seconds",
            self.canary_seconds,
            "0, or seconds from 1",
            holds=self.canary_seconds == 0 or self.canary_seconds >= 1,
        )


@dataclass(frozen=True, slots=True)
class Ingest:
    """The bounds of line 1. Bytes are bounded everywhere; nothing waits for ever."""

    max_body_bytes: int = 64 * 1024 * 1024  # OTLP 1.11 recommends 64 MiB
    queue_bytes: int = 128 * 1024 * 1024
    group_bytes: int = 8 * 1024 * 1024
    segment_rows: int = 65_536
    segment_seconds: float = 0.5
    journal_bytes: int = 4 * 1024 * 1024 * 1024
    dedup_horizon: float = 3600.0
    future_seconds: float = 86_400.0
    """A record dated further ahead is refused alone; its sender is told."""
    late_seconds: float = 10 * 365.25 * 86_400.0
    workers: int = 1
