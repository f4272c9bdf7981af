"""The monitoring plan: what is watched, at which threshold, why, by whom, what then.

It is a file of the hospital, versioned by its digest; every finding names the version
that was in force, and every version that ever was is kept in `monitoring_plans`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from algovigil.config.read import build, one_of
from algovigil.errors import ConfigError, explain

if TYPE_CHECKING:
    from algovigil import MonitoringConfig
    from algovigil_processor.analyse.findings import Row

WARNING: Final = "warning"
CRITICAL: Final = "critical"


@dataclass(frozen=True, slots=True)
class Watch:
    """One figure with its threshold; `below` and `above` are what it must not cross."""

    metric: str
    rationale: str
    response: str
    model: str = ""
    """'' is every model."""
    subgroup: str = ""
    """A subgroup key whose values are watched each by itself; '' is everyone."""
    below: float | None = None
    above: float | None = None
    owner: str = ""

    def __post_init__(self) -> None:
        if self.below is None and self.above is None:
            found = f"the watch of {self.metric} without a threshold"
            raise ConfigError(explain(found, "`below` or `above`"))

    def concerns(self, row: Row) -> bool:
        """Return whether *row* of `clinical_metrics` is watched by this."""
        return (
            row["metric"] == self.metric
            and row["subgroup_key"] == self.subgroup
            and self.model in ("", row["model_name"])
        )

    def status(self, row: Row) -> str:
        """Return `warning` where the figure crosses, `critical` if its interval does.

        What is not `ok` keeps its status: too few data cross nothing.
        """
        value, lower, upper = row["value"], row["lower"], row["upper"]
        if value is None:
            return str(row["status"])
        under = self.below is not None and value < self.below
        over = self.above is not None and value > self.above
        if not under and not over:
            return str(row["status"])
        far = under and upper is not None and upper < (self.below or 0.0)
        far = far or (over and lower is not None and lower > (self.above or 0.0))
        return CRITICAL if far else WARNING


@dataclass(frozen=True, slots=True)
class Plan:
    """A monitoring plan; without a file it is the settings of the analysis alone."""

    title: str = ""
    owner: str = ""
    purpose: str = ""
    review: str = ""
    """When and by whom the plan itself is looked at again."""
    watch: tuple[Watch, ...] = ()
    settings: str = field(default="", compare=True)
    """The settings of the analysis in force, as JSON: they are thresholds too."""

    @property
    def text(self) -> str:
        """The whole plan as canonical JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, ensure_ascii=False)

    @property
    def version(self) -> str:
        """16 hex digits of SHA-256 of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def judge(self, rows: list[Row]) -> list[Row]:
        """Return *rows* of `clinical_metrics` with the status that thresholds give."""
        judged = []
        for row in rows:
            statuses = [w.status(row) for w in self.watch if w.concerns(row)]
            worst = max(statuses, key=_RANK.get, default=row["status"])  # type: ignore[arg-type] # every status has a rank
            judged.append(row | {"status": worst})
        return judged

    def row(self, now_ns: int) -> Row:
        """Return the plan as a row of `monitoring_plans`."""
        return {
            "timestamp": now_ns,
            "plan_version": self.version,
            "title": self.title,
            "owner": self.owner,
            "plan": self.text,
        }


_RANK: Final = {"insufficient_data": 0, "no_data": 0, "ok": 1, WARNING: 2, CRITICAL: 3}


def load(config: MonitoringConfig) -> Plan:
    """Return the plan that *config* names.

    Raises:
        ConfigError: the file is missing, is not YAML, or holds a key or value that is
            not known.
    """
    settings = {
        "drift_detection": dataclasses.asdict(config.drift_detection),
        "clinical": dataclasses.asdict(config.clinical),
    }
    text = json.dumps(settings, sort_keys=True)
    if not config.monitoring_plan:
        return Plan(settings=text)
    plan: Plan = build(Plan, _read(config.monitoring_plan), "the monitoring plan")
    return dataclasses.replace(plan, settings=text)


def _read(name: str) -> Any:
    import yaml

    try:
        content = yaml.safe_load(Path(name).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            explain(
                f"the monitoring plan {name} cannot be read: {error.strerror}",
                "a file",
                "name it by `monitoring_plan`, or leave that out",
            )
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(
            explain(f"the monitoring plan {name} is not YAML", "a mapping")
        ) from None
    if isinstance(content, dict) and "settings" in content:
        one_of("the monitoring plan", "settings", ("title", "owner", "watch"))
    return content
