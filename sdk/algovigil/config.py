"""Every setting, declared once: what users may write in `monitoring_config.yaml`.

SDK and processor read the same file, so that a hospital keeps one. Unknown keys,
wrong types and impossible values are refused at load with found / expected / hint;
secrets come from the environment only, and a `.env` beside the file is read first.
"""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, Union

from algovigil.errors import ConfigError, explain, nearest

PRESETS = ("pseudonymise", "safe_harbor", "observe_only")
SEVERITIES = ("critical", "warning", "info")


def _one_of(what: str, found: str, known: typing.Iterable[str]) -> None:
    known = tuple(known)
    if found not in known:
        expected = "one of " + ", ".join(known) if known else "a declared name"
        raise ConfigError(
            explain(f"{what}: {found!r}", expected, nearest(found, known))
        )


@dataclass(frozen=True, slots=True)
class Database:
    """Operational state: rules, incidents, deliveries. '' is SQLite in the data dir."""

    url: str = ""


@dataclass(frozen=True, slots=True)
class Storage:
    """Telemetry, outcomes and findings. '' is embedded chDB in the data directory."""

    url: str = ""
    rollup_seconds: int = 60
    """Width of a rollup bucket."""


@dataclass(frozen=True, slots=True)
class Phi:
    """What becomes of identifiers; the key is `ALGOVIGIL_PHI_KEY`, never the file."""

    preset: str = "pseudonymise"
    key_id: str = "k1"

    def __post_init__(self) -> None:
        _one_of("phi.preset", self.preset, PRESETS)


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
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert rule; `duration` is how long, in seconds, it must hold to fire."""

    name: str
    condition: str
    severity: str = "warning"
    duration: float = 0.0
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _one_of(f"severity of rule {self.name!r}", self.severity, SEVERITIES)


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
        _one_of("channel type", self.type, ("webhook", "email"))
        _one_of("channel tls", self.tls, ("starttls", "implicit", "none"))


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
                _one_of(f"channel of rule {rule.name!r}", channel, self.channels)


@dataclass(frozen=True, slots=True)
class DriftDetection:
    """When the distribution of a feature counts as changed."""

    methods: tuple[str, ...] = ("ks_test", "psi")
    alpha: float = 0.05
    psi_warning: float = 0.2
    ks_floor: float = 0.1
    """Smallest KS distance that matters clinically, whatever the p-value."""
    interval: float = 3600.0
    window: float = 3600.0
    min_samples: int = 200
    reference_samples: int = 1000
    """Predictions of a new version that make its provisional reference."""
    sample_rows: int = 10_000
    """Rows that an exact test reads at most, drawn uniformly by SQL."""

    def __post_init__(self) -> None:
        for method in self.methods:
            _one_of("drift_detection.methods", method, ("ks_test", "psi", "chi_square"))


@dataclass(frozen=True, slots=True)
class Clinical:
    """How labels that arrive later become accuracy."""

    interval: float = 60.0
    window: float = 86_400.0
    min_samples: int = 20
    positive_label: str = ""
    """The label that counts as disease; '' means 1, true, positive or malignant."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the SDK collects beside inferences, and how often."""

    interval: float = 15.0
    host: bool = True
    gpu: bool = True


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


@dataclass(frozen=True, slots=True)
class MonitoringConfig:
    """The whole file. `MonitoringConfig()` is the documented default of every key."""

    environment: str = ""
    """`deployment.environment.name` of every signal; '' leaves it out."""
    processor: Processor = Processor()
    database: Database = Database()
    storage: Storage = Storage()
    phi: Phi = Phi()
    ingest: Ingest = Ingest()
    alerts: Alerts = Alerts()
    drift_detection: DriftDetection = DriftDetection()
    clinical: Clinical = Clinical()
    metrics: Metrics = Metrics()
    capture: Capture = Capture()
    outcomes: Outcomes = Outcomes()

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
        config = _build(cls, content, "")
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
                    value = _scalar(kind, value, variable)
                    section = dataclasses.replace(section, **{key: value})
            config = dataclasses.replace(config, **{name: section})
        return config


T = TypeVar("T")


def _build(kind: type[T], content: object, path: str) -> T:
    """Return *content*, plain data, as the dataclass *kind*."""
    where = path or "the file"
    if not isinstance(content, Mapping):
        raise ConfigError(
            explain(f"{where}: {type(content).__name__}", "a mapping of settings")
        )
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type] # every kind here is a dataclass
    values: dict[str, Any] = {}
    for key, value in content.items():
        full = f"{path}.{key}" if path else str(key)
        if key not in fields:
            raise ConfigError(
                explain(
                    f"unknown key `{full}`",
                    "one of " + ", ".join(sorted(fields)),
                    nearest(str(key), fields),
                )
            )
        values[str(key)] = _value(hints[str(key)], value, full)
    for name, declared in fields.items():
        required = (
            declared.default is dataclasses.MISSING
            and declared.default_factory is dataclasses.MISSING
        )
        if required and name not in values:
            raise ConfigError(explain(f"{where}: no key `{name}`", f"`{name}` is set"))
    return kind(**values)


def _value(kind: Any, value: object, path: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        inner = next(a for a in typing.get_args(kind) if a is not type(None))
        return _value(inner, value, path)
    if dataclasses.is_dataclass(kind):
        return _build(typing.cast("type[Any]", kind), value, path)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(explain(f"{path}: {value!r}", "a list"))
        inner = typing.get_args(kind)[0]
        return tuple(_value(inner, v, f"{path}[{i}]") for i, v in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise ConfigError(explain(f"{path}: {value!r}", "a mapping"))
        inner = typing.get_args(kind)[1]
        return {str(k): _value(inner, v, f"{path}.{k}") for k, v in value.items()}
    return _scalar(kind, value, path)


def _scalar(kind: type, value: object, path: str) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is float and is_number:
        return float(typing.cast("float", value))
    if kind is int and is_number and float(typing.cast("float", value)).is_integer():
        return int(typing.cast("float", value))
    if kind in (str, bool) and isinstance(value, kind):
        return value
    raise ConfigError(explain(f"{path}: {value!r}", f"a value of type {kind.__name__}"))
