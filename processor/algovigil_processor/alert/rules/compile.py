"""Alert rules as they run: each setting read, linted and bounded once, at start.

A rule that could never fire, or always would, is a `ConfigError` and not a surprise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.message import MAX_NAME, line
from algovigil_processor.alert.rules.check import checked
from algovigil_processor.alert.rules.grammar import RuleSyntaxError, parse
from algovigil_processor.alert.rules.metrics import METRICS
from algovigil_processor.alert.rules.tree import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from algovigil.config import Rule as RuleSetting
    from algovigil_processor.alert.evaluate.readings import Subject
    from algovigil_processor.alert.rules.metrics import Source
    from algovigil_processor.alert.rules.tree import Expr
    from algovigil_processor.alert.turn import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to judge: `written` is for people, `condition` for `evaluate`."""

    name: str
    severity: Severity
    for_ns: int
    channels: tuple[str, ...]
    written: Expr
    condition: Expr

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the condition names, once each, in its order."""
        return tuple(dict.fromkeys(ref.name for ref in metrics(self.condition)))

    @property
    def sources(self) -> frozenset[Source]:
        """The sources that the condition reads."""
        return frozenset(METRICS[name].source for name in self.metrics)

    def covers(self, subject: Subject) -> bool:
        """Whether every selector of the condition lets *subject* through."""
        return all(
            getattr(subject, label) == wanted
            for ref in metrics(self.condition)
            for label, wanted in ref.selector
        )


def compile_rules(settings: Iterable[RuleSetting]) -> tuple[Rule, ...]:
    """Return *settings* as rules.

    Raises:
        ConfigError: a name is taken twice or unfit, a duration is impossible, or a
            condition does not parse or cannot mean what it says.
    """
    rules: dict[str, Rule] = {}
    for setting in settings:
        if setting.name in rules:
            raise ConfigError(
                explain(f"two rules named {setting.name!r}", "a name for each rule")
            )
        rules[setting.name] = _compiled(setting)
    return tuple(rules.values())


def _compiled(setting: RuleSetting) -> Rule:
    if not setting.name or line(setting.name) != setting.name:
        raise ConfigError(
            explain(
                f"rule name {setting.name!r}",
                f"one printable line of 1 to {MAX_NAME} characters",
            )
        )
    if not math.isfinite(setting.duration) or setting.duration < 0:
        raise ConfigError(
            explain(
                f"duration of rule {setting.name!r}: {setting.duration}",
                "seconds, 0 or more",
            )
        )
    try:
        written = parse(setting.condition)
        condition = checked(written)
    except RuleSyntaxError as error:
        raise ConfigError(f"condition of rule {setting.name!r}: {error}") from None
    return Rule(
        setting.name,
        setting.severity,  # type: ignore[arg-type] # config holds it to SEVERITIES
        int(setting.duration * 1e9),
        tuple(dict.fromkeys(setting.channels)),
        written,
        condition,
    )
