"""Grafana dashboards as code, and the files that they make.

`python -m algovigil_dashboards` writes `json/`; `--check` tells whether it is so.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, Final

NAMES: Final = (
    "medical-ai",
    "clinical-outcomes",
    "system-performance",
    "alerts",
    "privacy-pipeline",
    "prometheus-medical-ai",
    "prometheus-clinical-outcomes",
    "prometheus-system-performance",
)
"""Dashboards by the name of their file, which is their uid after `algovigil-`."""


def load(name: str) -> dict[str, Any]:
    """Return the dashboard *name* of `NAMES` as Grafana takes it."""
    file = resources.files(__name__) / "json" / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found
