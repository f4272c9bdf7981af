"""The file of settings: the example is the defaults, mistakes are told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from algovigil import ConfigError, MonitoringConfig

EXAMPLE = Path(__file__).resolve().parents[2] / "monitoring_config_example.yaml"


def names(content: object, kind: object) -> set[str]:
    """Return the dotted names of all keys of plain data, as deep as *kind* goes."""
    found = set()
    for field in dataclasses.fields(kind):  # type: ignore[arg-type] # instances only
        value = getattr(kind, field.name)
        if dataclasses.is_dataclass(value):
            part = content[field.name]  # type: ignore[index] # a mapping of the file
            found |= {f"{field.name}.{name}" for name in names(part, value)}
        else:
            assert field.name in content, field.name  # type: ignore[operator] # as above
            found.add(field.name)
    return found


def test_the_example_shows_every_setting_with_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Copying the example changes nothing but rules and channels."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    loaded = MonitoringConfig.load(EXAMPLE)
    default = MonitoringConfig()
    assert names(yaml.safe_load(EXAMPLE.read_text("utf-8")), default)
    alerts = dataclasses.replace(loaded.alerts, rules=(), channels={})
    assert default == dataclasses.replace(loaded, alerts=alerts)


@pytest.mark.parametrize(
    ("content", "found", "hint"),
    [
        ({"alert": {}}, "unknown key `alert`", "did you mean `alerts`?"),
        ({"alerts": {"intervall": 1}}, "unknown key `alerts.intervall`", "`interval`"),
        ({"alerts": []}, "alerts: list", "a mapping"),
        ({"ingest": {"workers": 1.5}}, "ingest.workers: 1.5", "type int"),
        ({"alerts": {"interval": True}}, "alerts.interval: True", "type float"),
        ({"phi": {"preset": "pseudonymize"}}, "'pseudonymize'", "`pseudonymise`"),
        ({"alerts": {"rules": [{"name": "a"}]}}, "no key `condition`", "is set"),
        (
            {"alerts": {"rules": [{"name": "a", "condition": "x", "channels": ["b"]}]}},
            "channel of rule 'a': 'b'",
            "one of slack, pagerduty",
        ),
        ([], "the file: list", "a mapping"),
    ],
)
def test_a_mistake_is_told_with_what_was_meant(
    content: object, found: str, hint: str
) -> None:
    """Found, expected and, where one is near, what was meant."""
    with pytest.raises(ConfigError) as refusal:
        MonitoringConfig.of(content)
    assert found in str(refusal.value)
    assert hint in str(refusal.value)


def test_the_environment_gives_what_the_file_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DATABASE_URL is the seed's variable."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:////tmp/x.db")
    assert MonitoringConfig.of({}).database.url == "sqlite:////tmp/x.db"


def test_a_file_that_is_not_yaml_is_told_so(tmp_path: Path) -> None:
    """Broken files and missing files have messages, not tracebacks."""
    broken = tmp_path / "c.yaml"
    broken.write_text("a: [")
    for path in (broken, tmp_path / "missing.yaml"):
        with pytest.raises(ConfigError, match="found: "):
            MonitoringConfig.load(path)


def test_an_empty_file_is_all_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing said, nothing changed."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    empty = tmp_path / "c.yaml"
    empty.touch()
    assert MonitoringConfig.load(empty) == MonitoringConfig()
