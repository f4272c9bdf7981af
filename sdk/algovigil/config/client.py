"""What the SDK captures, and where it sends it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the SDK collects beside inferences, and how often."""

    interval: float = 15.0
    host: bool = True
    gpu: bool = True
    lock_directory: str = ""
    """Where the one process that reports the GPUs holds its lock; '' is /run/lock."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What of inputs and outputs is kept; see `docs/wire.md`."""

    features: bool = True
    predictions: bool = True
    max_rows: int = 256
    max_features: int = 256


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The durable outbox of outcomes."""

    directory: str = ""
    batch_size: int = 256
    interval: float = 1.0
    max_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Processor:
    """Where the SDK's clients find the processor."""

    endpoint: str = "http://127.0.0.1:4317"
    api: str = "http://127.0.0.1:8080"
