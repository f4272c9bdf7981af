"""Every setting, declared once: what users may write in `monitoring_config.yaml`.

SDK and processor read the same file, so that a hospital keeps one. Unknown keys,
wrong types and impossible values are refused at load with found / expected / hint;
secrets come from the environment only, and a `.env` beside the file is read first.
"""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Mapping  # noqa: TC003 # resolved by get_type_hints
from dataclasses import dataclass, field
from pathlib import Path

from algovigil.config.alerts import Alerts, Rule, Sla
from algovigil.config.analysis import Clinical
from algovigil.config.client import Capture, Metrics, Outcomes, Processor, Prometheus
from algovigil.config.drift import DriftDetection
from algovigil.config.grafana import Grafana
from algovigil.config.ingest import Database, Ingest, Phi, Storage
from algovigil.config.notify import (
    KNOWN_CHANNELS,
    Channel,
    Escalation,
    Grouping,
    Heartbeat,
    Inhibition,
    Maintenance,
)
from algovigil.config.read import build, one_of, scalar
from algovigil.config.serve import Sql
from algovigil.errors import ConfigError, explain

__all__ = [
    "KNOWN_CHANNELS",
    "Alerts",
    "Capture",
    "Channel",
    "Clinical",
    "Database",
    "DriftDetection",
    "Escalation",
    "Grafana",
    "Grouping",
    "Heartbeat",
    "Ingest",
    "Inhibition",
    "Maintenance",
    "Metrics",
    "MonitoringConfig",
    "Outcomes",
    "Phi",
    "Processor",
    "Prometheus",
    "Rule",
    "Sla",
    "Sql",
    "Storage",
]


@dataclass(frozen=True, slots=True)
class MonitoringConfig:
    """The whole file. `MonitoringConfig()` is the documented default of every key."""

    environment: str = ""
    """`deployment.environment.name` of every signal; '' leaves it out."""
    processor: Processor = field(default_factory=Processor)
    database: Database = field(default_factory=Database)
    storage: Storage = field(default_factory=Storage)
    phi: Phi = field(default_factory=Phi)
    ingest: Ingest = field(default_factory=Ingest)
    sql: Sql = field(default_factory=Sql)
    sla: Sla = field(default_factory=Sla)
    alerts: Alerts = field(default_factory=Alerts)
    escalation: Escalation = field(default_factory=Escalation)
    drift_detection: DriftDetection = field(default_factory=DriftDetection)
    clinical: Clinical = field(default_factory=Clinical)
    monitoring_plan: str = ""
    """File of the monitoring plan; '' is none but these settings."""
    metrics: Metrics = field(default_factory=Metrics)
    capture: Capture = field(default_factory=Capture)
    prometheus: Prometheus = field(default_factory=Prometheus)
    outcomes: Outcomes = field(default_factory=Outcomes)
    grafana: Grafana = field(default_factory=Grafana)

    def __post_init__(self) -> None:
        known = (*self.alerts.channels, *KNOWN_CHANNELS)
        for level, channels in self.escalation.escalation_channels.items():
            for channel in channels:
                one_of(f"channel of escalation {level}", channel, known)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MonitoringConfig:
        """Read *path*, and a `.env` beside it into the environment.

        Raises:
            ConfigError: the file is missing, is not YAML, or holds a key or value
                that is not known.
        """
        import yaml
        from dotenv import load_dotenv

        file = Path(path)
        load_dotenv(file.parent / ".env", override=False)
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(
                explain(
                    f"no file {file}",
                    "a YAML file",
                    "copy monitoring_config_example.yaml and name it with --config",
                )
            ) from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(
                explain(f"{file} cannot be read: {error}", "a YAML file")
            ) from None
        return cls.of({} if content is None else content)

    @classmethod
    def of(cls, content: object) -> MonitoringConfig:
        """Build a config from plain data, with the environment's overrides.

        Raises:
            ConfigError: as `load`.
        """
        config = build(cls, content, "")
        url = os.environ.get("DATABASE_URL", "")
        if url and not config.database.url:
            config = dataclasses.replace(config, database=Database(url=url))
        return config

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None
    ) -> MonitoringConfig:
        """Build the config of a process that nobody passes one: zero-code use.

        `ALGOVIGIL_CONFIG` names the file, if there is one; `ALGOVIGIL_<SECTION>_<KEY>`
        sets one scalar key, such as `ALGOVIGIL_CAPTURE_FEATURES=false`.

        Raises:
            ConfigError: as `load`.
        """
        import yaml

        environ = os.environ if environ is None else environ
        path = environ.get("ALGOVIGIL_CONFIG", "")
        config = cls.load(path) if path else cls.of({})
        for name, hint in typing.get_type_hints(cls).items():
            if not dataclasses.is_dataclass(hint):
                continue
            section = getattr(config, name)
            for key, kind in typing.get_type_hints(hint).items():
                variable = f"ALGOVIGIL_{name}_{key}".upper()
                text = environ.get(variable)
                if kind in (str, bool, int, float) and text is not None:
                    value: object = text if kind is str else yaml.safe_load(text)
                    value = scalar(kind, value, variable)
                    section = dataclasses.replace(section, **{key: value})
            config = dataclasses.replace(config, **{name: section})
        return config
