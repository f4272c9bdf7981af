"""Self-metrics in Prometheus' text format 0.0.4, from the one registry of names."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from algovigil_processor.telemetry import Labels, Telemetry

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def render(telemetry: Telemetry, version: str) -> str:
    """Return all counters and gauges, and `algovigil_build_info`."""
    lines = [
        "# TYPE algovigil_build_info gauge",
        f"algovigil_build_info{_labels((('version', version),))} 1",
    ]
    counters = sorted(telemetry.counters().items())
    for name, group in itertools.groupby(counters, lambda item: item[0][0]):
        metric = f"{_name(name)}_total"
        lines.append(f"# TYPE {metric} counter")
        lines += [f"{metric}{_labels(key[1])} {_number(value)}" for key, value in group]
    for name, value in sorted(telemetry.gauges().items()):
        lines += [f"# TYPE {_name(name)} gauge", f"{_name(name)} {_number(value)}"]
    lines += _findings(telemetry)
    return "\n".join(lines) + "\n"


def _findings(telemetry: Telemetry) -> list[str]:
    """Return the newest findings; of equal names and labels the last one counts."""
    found = {(name, labels): value for name, labels, value in telemetry.published()}
    lines = []
    ordered = sorted(found.items())
    for name, group in itertools.groupby(ordered, lambda item: item[0][0]):
        lines.append(f"# TYPE {_name(name)} gauge")
        lines += [
            f"{_name(name)}{_labels(labels)} {_number(value)}"
            for (_, labels), value in group
        ]
    return lines


def _name(name: str) -> str:
    return "algovigil_" + name.replace(".", "_")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
