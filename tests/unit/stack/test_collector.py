"""The collector's files hold only keys that its components know, and lose nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
FILES = ("agent.yaml", "gateway.yaml")
KEYS = yaml.safe_load((Path(__file__).parent / "collector_keys.yaml").read_text())
SECTIONS = ("receivers", "processors", "exporters", "connectors", "extensions")


def load(name: str) -> dict[str, Any]:
    """Return one file of collector-config/."""
    found = yaml.safe_load((ROOT / "collector-config" / name).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def unknown(found: Any, known: Any, path: str) -> Iterator[str]:
    """Yield the path of each key of *found* that *known* does not have."""
    if known in ("any", "?"):
        return
    if isinstance(known, list):
        for number, each in enumerate(found):
            yield from unknown(each, known[0], f"{path}[{number}]")
        return
    for key, value in (found or {}).items():
        if key not in known:
            yield f"{path}.{key}"
        else:
            yield from unknown(value, known[key], f"{path}.{key}")


def problems(config: dict[str, Any]) -> list[str]:
    """Return what is wrong with *config*: keys, references, order."""
    found = [f"{key}: unknown" for key in config if key not in (*SECTIONS, "service")]
    for section in SECTIONS:
        for name, content in (config.get(section) or {}).items():
            kind = name.partition("/")[0]
            if kind not in KEYS[section]:
                found.append(f"{section}.{name}: no such component")
            else:
                found += unknown(content, KEYS[section][kind], f"{section}.{name}")
    used: set[tuple[str, str]] = set()
    for extension in config["service"]["extensions"]:
        used.add(("extensions", extension))
    for name, pipeline in config["service"]["pipelines"].items():
        if name.partition("/")[0] not in ("traces", "metrics", "logs"):
            found.append(f"{name}: no such signal")
        for section, names in pipeline.items():
            for each in names:
                is_connector = each in (config.get("connectors") or {})
                used.add(("connectors" if is_connector else section, each))
        if "otlp" in pipeline["receivers"] and (
            pipeline["processors"][0] != "memory_limiter"
        ):
            found.append(f"{name}: memory_limiter is not first")
    have = {(s, n) for s in SECTIONS for n in (config.get(s) or {})}
    found += [f"{s}.{n}: used, not defined" for s, n in sorted(used - have)]
    found += [f"{s}.{n}: defined, not used" for s, n in sorted(have - used)]
    return found


@pytest.mark.parametrize("name", FILES)
def test_each_key_is_known_and_each_component_used(name: str) -> None:
    """A typing error would stop the collector at its start, or be ignored."""
    assert [] == problems(load(name))


def test_the_check_can_fail() -> None:
    """A wrong key, a missing component and an unused one are each told by name."""
    config = load("agent.yaml")
    config["exporters"]["otlp_grpc"]["sending_queue"]["sise"] = 1
    config["receivers"]["kafka"] = {}
    config["service"]["pipelines"]["logs"]["processors"] = ["redact"]
    assert {
        "exporters.otlp_grpc.sending_queue.sise",
        "receivers.kafka: no such component",
        "receivers.kafka: defined, not used",
        "processors.redact: used, not defined",
        "logs: memory_limiter is not first",
    } == set(problems(config))


@pytest.mark.parametrize("name", FILES)
def test_what_was_accepted_is_kept(name: str) -> None:
    """Queues are on disk, synced, blocking instead of dropping; retries have no end."""
    config = load(name)
    storage = config["extensions"]["file_storage/queue"]
    assert (True, True) == (storage["fsync"], storage["create_directory"])
    for exporter in config["exporters"].values():
        queue = exporter["sending_queue"]
        assert ("file_storage/queue", True) == (
            queue["storage"],
            queue["block_on_overflow"],
        )
        assert 0 == exporter["retry_on_failure"]["max_elapsed_time"]


def test_predictions_are_never_sampled() -> None:
    """Model calls take a pipeline without sampling, all else the one with it."""
    config = load("gateway.yaml")
    pipelines = config["service"]["pipelines"]
    assert ["filter/calls"] == pipelines["traces/calls"]["processors"]
    assert ["tail_sampling", "filter/rest"] == pipelines["traces/rest"]["processors"]
    conditions = [
        config["processors"][f"filter/{which}"]["trace_conditions"][0]["conditions"][0]
        for which in ("calls", "rest")
    ]
    name = 'span.attributes["medical_ai.model.name"]'
    assert [f"{name} == nil", f"{name} != nil"] == conditions
    policies = config["processors"]["tail_sampling"]["policies"]
    assert {"errors", "models-under-watch"} <= {each["name"] for each in policies}


def test_the_agent_takes_out_the_worst_identifiers() -> None:
    """Its patterns mask what they should, and none of the look-alikes."""
    rules = load("agent.yaml")["processors"]["redaction"]
    keys = [re.compile(each) for each in rules["blocked_key_patterns"]]
    values = [re.compile(each) for each in rules["blocked_values"]]
    for key in ("patient.name", "app.mrn", "patient_birth_date", "http.cookie", "SSN"):
        assert any(each.search(key) for each in keys), key
    for key in ("service.name", "model.name", "http.route", "dob_check.enabled"):
        assert not any(each.search(key) for each in keys), key
    for value in ("a 078-05-1120 b", "ann@example.org", "call 206-555-0199 now"):
        assert any(each.search(value) for each in values), value
    for value in ("4bf92f3577b34da6a3ce929d0e0e4736", "1.2.840.10008", "2026-11-25"):
        assert not any(each.search(value) for each in values), value
    assert re.match(rules["ignored_key_patterns"][0], "medical_ai.feature.values")
