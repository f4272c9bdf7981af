"""The plain manifests name what is there, and run the command that we have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from algovigil.cli import _parse
from algovigil_processor.listen import Address

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docs/kubernetes/algovigil.yaml"


def documents() -> dict[str, dict[str, Any]]:
    """Return the manifests by kind."""
    return {each["kind"]: each for each in yaml.safe_load_all(FILE.read_text("utf-8"))}


def container() -> dict[str, Any]:
    """Return the one container."""
    (found,) = documents()["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_ports_and_labels_fit() -> None:
    """The service selects the pods, and its ports are theirs and the command's."""
    found = documents()
    pods = found["StatefulSet"]["spec"]["template"]
    for labels in (
        found["Service"]["spec"]["selector"],
        found["StatefulSet"]["spec"]["selector"]["matchLabels"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert labels.items() <= pods["metadata"]["labels"].items()
    ports = {p["name"]: p["containerPort"] for p in container()["ports"]}
    assert ports == {p["name"]: p["port"] for p in found["Service"]["spec"]["ports"]}
    args, _ = _parse(container()["args"][1:])
    bound = {
        Address.parse(getattr(args, name), name).port
        for name in ("grpc", "http", "sql", "api")
    }
    assert bound == set(ports.values())
    for probe in ("readinessProbe", "livenessProbe"):
        assert container()[probe]["httpGet"]["port"] in ports


def test_the_pod_is_not_root_and_writes_to_its_volume_alone() -> None:
    """The restricted profile of pod security."""
    pod = documents()["StatefulSet"]["spec"]["template"]["spec"]
    assert True is pod["securityContext"]["runAsNonRoot"]
    own = container()["securityContext"]
    assert (False, True, ["ALL"]) == (
        own["allowPrivilegeEscalation"],
        own["readOnlyRootFilesystem"],
        own["capabilities"]["drop"],
    )
    mounts = {m["name"]: m["mountPath"] for m in container()["volumeMounts"]}
    claims = documents()["StatefulSet"]["spec"]["volumeClaimTemplates"]
    volumes = {v["name"] for v in pod["volumes"]} | {
        c["metadata"]["name"] for c in claims
    }
    assert volumes == set(mounts)
    data = next(a for a in container()["args"] if a.startswith("--data-dir="))
    assert data.partition("=")[2].startswith(mounts["data"])


def test_secrets_are_those_that_the_comment_makes() -> None:
    """Each key of the secret is created by the command at the top."""
    text = FILE.read_text("utf-8")
    for variable in container()["env"]:
        key = variable["valueFrom"]["secretKeyRef"]["key"]
        assert f"--from-literal={key}=" in text
