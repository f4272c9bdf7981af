"""Everything that the compose file and the Dockerfile name exists."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import typing
from pathlib import Path
from typing import Any

import pytest
import tomllib
import yaml

from algovigil import MonitoringConfig
from algovigil.cli import _parse

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docker-compose.otel.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "processor" / "Dockerfile").read_text("utf-8")

LISTENS = {
    "clickhouse": {8123, 9000},
    "processor": {4317, 4318, 8123, 8080},
    "gateway": {4317, 4318, 8888, 13133},
    "sample-app": {8090},
    "prometheus": {9090},
    "grafana": {3000},
}
"""Ports of each service: of images by their documentation, of ours by EXPOSE."""


def instructions() -> list[tuple[str, str, str]]:
    """Return (stage, instruction, arguments) of each line of the Dockerfile."""
    stage = ""
    found = []
    for line in DOCKERFILE.replace("\\\n", " ").splitlines():
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2]
        found.append((stage, word, rest.strip()))
    return found


def named(text: str) -> list[tuple[str, int]]:
    """Return each service:port that *text* names."""
    hosts = "|".join(SERVICES)
    text = re.sub(r"image: .*", "", text)
    return [(h, int(p)) for h, p in re.findall(rf"\b({hosts}):(\d+)\b", text)]


def test_services_talk_to_services_that_listen() -> None:
    """Each host:port of the compose file, Prometheus and Grafana is open."""
    files = [ROOT / "collector-config" / "prometheus.yml"]
    files += sorted(
        (ROOT / "dashboards/algovigil_dashboards/provisioning").rglob("*.yaml")
    )
    targets = named(TEXT) + [t for file in files for t in named(file.read_text())]
    assert targets
    for host, port in targets:
        assert port in LISTENS[host], f"{host}:{port}"
    for name, service in SERVICES.items():
        for other in service.get("depends_on", ()):
            assert other in SERVICES, f"{name} depends on {other}"
    assert SERVICES["gateway"]["environment"]["PROCESSOR_HOSTNAME"] in SERVICES


def test_ports_of_ours_are_those_of_the_dockerfile() -> None:
    """What is exposed is what the table above says, and what the command binds."""
    exposed = {
        stage: {int(port) for port in rest.split()}
        for stage, word, rest in instructions()
        if word == "EXPOSE"
    }
    assert {
        "processor": LISTENS["processor"],
        "demo": LISTENS["sample-app"],
    } == exposed


def test_nothing_is_published_beyond_loopback() -> None:
    """A port of the host is open to the host alone."""
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            host, outer, inner = port.split(":")
            assert "127.0.0.1" == host, f"{name}: {port}"
            assert int(inner) in LISTENS[name], f"{name}: {outer}"


def test_every_path_exists_and_every_volume_is_declared() -> None:
    """Mounts of this repository are there, and read only."""
    for name, service in SERVICES.items():
        for mount in service.get("volumes", ()):
            source, target, *mode = mount.split(":")
            assert target.startswith("/"), mount
            if source.startswith("./"):
                assert (ROOT / source).exists(), f"{name}: {source}"
                assert ["ro"] == mode, f"{name}: {mount}"
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"
        for network in service["networks"]:
            assert network in COMPOSE["networks"]
        for secret in service.get("secrets", ()):
            assert secret in COMPOSE["secrets"]


def test_every_variable_is_in_the_example() -> None:
    """Secrets come from the environment, and `.env.example` names them all."""
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    used |= {each["environment"] for each in COMPOSE["secrets"].values()}
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    shown = {line.partition("=")[0] for line in lines if line and line[0] != "#"}
    assert used == shown
    assert ".env" in (ROOT / ".gitignore").read_text("utf-8").split()


def test_every_setting_by_environment_is_a_setting() -> None:
    """`ALGOVIGIL_<SECTION>_<KEY>` is a key of the file, or a secret of its own."""
    known = {"ALGOVIGIL_PHI_KEY", "ALGOVIGIL_TOKEN"}
    for section, kind in typing.get_type_hints(MonitoringConfig).items():
        if dataclasses.is_dataclass(kind):
            keys = [field.name for field in dataclasses.fields(kind)]
            known |= {f"ALGOVIGIL_{section}_{key}".upper() for key in keys}
    for name in ("processor", "sample-app"):
        for variable in SERVICES[name]["environment"]:
            assert not variable.startswith("ALGOVIGIL_") or variable in known, variable


def test_no_service_of_ours_is_root_or_may_write() -> None:
    """Read-only root, no capability, a user of its own, a health check."""
    for name, service in SERVICES.items():
        assert ["no-new-privileges:true"] == service["security_opt"], name
        if name != "clickhouse":  # its image drops root by itself, with capabilities
            assert True is service["read_only"], name
            assert ["ALL"] == service["cap_drop"], name
    users = [rest for _, word, rest in instructions() if word == "USER"]
    assert ["10001:10001"] == users
    assert "/readyz" in next(
        r for _, word, r in instructions() if word == "HEALTHCHECK"
    )


def test_the_images_are_built_of_what_is_here() -> None:
    """COPY sources exist, extras are declared, build targets are stages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    stages = {stage for stage, _, _ in instructions()}
    for _, word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
        for extras in re.findall(r"'\.\[([\w,]+)\]'", rest):
            assert set(extras.split(",")) <= set(project["optional-dependencies"])
    for name in ("processor", "sample-app"):
        assert SERVICES[name]["build"]["target"] in stages
        assert (ROOT / SERVICES[name]["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("stage", ["processor", "demo"])
def test_the_command_is_one_that_we_have(stage: str) -> None:
    """The command line parses, and the app of the sample service is there."""
    line = next(r for s, word, r in instructions() if (s, word) == (stage, "CMD"))
    words = json.loads(line)
    assert "algovigil" == words[0]
    parsed, _ = _parse(words[1:])
    assert parsed
    if stage == "demo":
        module, _, name = words[-1].partition(":")
        assert (True, "app") == (importlib.util.find_spec(module) is not None, name)
