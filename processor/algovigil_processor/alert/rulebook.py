"""The rules in force: of the settings, provided, and set over REST.

The settings' rules are what the file says and change with it alone. Rules set over REST
live in the database, so that they survive restarts and every replica obeys them. Each
change is written down with who made it, in the transaction that makes it.
"""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from algovigil.config import Rule as RuleSetting
from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.keep import change_rule, change_rules
from algovigil_processor.alert.rules.compile import compile_rules, compiled
from algovigil_processor.alert.rules.provided import default_rules, slo_rules
from algovigil_processor.alert.tables import CHANGES, RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.config import MonitoringConfig
    from algovigil_processor.alert.rules.compile import Origin, Rule
    from algovigil_processor.alert.turn import Turn

_FILE: Final = "settings"
"""Who changes a rule by changing the settings."""


class NotYours(ConfigError):
    """A rule of that name is given by the settings, and changes with them only."""


class Rulebook:
    """Knows the rules. Every method works in its caller's transaction."""

    def __init__(self, config: MonitoringConfig) -> None:
        """Check the settings' rules and make the provided ones.

        Raises:
            ConfigError: a rule cannot be obeyed.
        """
        alerts = config.alerts
        channels = alerts.default_channels or tuple(alerts.channels)
        given: list[tuple[Origin, RuleSetting]] = [("file", r) for r in alerts.rules]
        given += [("sla", r) for r in slo_rules(config.sla, channels)]
        taken = {rule.name for _, rule in given}
        if alerts.defaults:
            provided = default_rules(alerts, channels)
            given += [("default", r) for r in provided if r.name not in taken]
        compile_rules(rule for _, rule in given)  # two of one name are refused
        self.fixed: Final = tuple(compiled(rule, origin) for origin, rule in given)
        self._names: Final = frozenset(rule.name for rule in self.fixed)
        self._is_stored = False

    def begin(self, db: sa.Connection, now_ns: int) -> list[Turn]:
        """Store the fixed rules once; return what those that are gone had begun."""
        if self._is_stored:
            return []
        return change_rules(db, self.fixed, _FILE, now_ns)

    def begun(self) -> None:
        """Note that what `begin` did is committed."""
        self._is_stored = True

    def in_force(self, db: sa.Connection) -> tuple[Rule, ...]:
        """Return every rule; the settings' own come before others of their name."""
        query = sa.select(RULES.c.setting).where(RULES.c.origin == "api")
        texts = db.execute(query.order_by(RULES.c.name)).scalars()
        added = (_api_rule(text) for text in texts)
        return (*self.fixed, *(rule for rule in added if rule.name not in self._names))

    def put(
        self, db: sa.Connection, setting: RuleSetting, by: str, now_ns: int
    ) -> list[Turn]:
        """Set a rule, new or changed; return what it ends.

        Raises:
            ConfigError: it cannot be obeyed.
            NotYours: its name is one of the settings.
        """
        self._check(setting.name)
        rule = compiled(setting, "api")
        return change_rule(db, setting.name, rule, by, now_ns)

    def remove(self, db: sa.Connection, name: str, by: str, now_ns: int) -> list[Turn]:
        """Remove a rule; return what it ends.

        Raises:
            KeyError: there is no such rule.
            NotYours: it is one of the settings.
        """
        self._check(name)
        query = sa.select(RULES.c.name).where(RULES.c.name == name)
        if db.execute(query).scalar() is None:
            raise KeyError(name)
        return change_rule(db, name, None, by, now_ns)

    def _check(self, name: str) -> None:
        if name in self._names:
            raise NotYours(
                explain(
                    f"rule {name!r}, which the settings give",
                    "another name",
                    "change monitoring_config.yaml, or choose another name",
                )
            )


@lru_cache(maxsize=10_000)
def _api_rule(text: str) -> Rule:
    # what was stored was compiled once, so it compiles
    return compiled(setting_of(text), "api")


def setting_of(text: str) -> RuleSetting:
    """Return the setting that *text*, JSON of ours, holds."""
    plain = json.loads(text)
    return RuleSetting(**plain | {"channels": tuple(plain["channels"])})


@dataclasses.dataclass(frozen=True, slots=True)
class RuleChange:
    """One change of one rule: JSON before and after, '' for none."""

    at_ns: int
    actor: str
    rule: str
    action: str
    before: str
    after: str


def changes(db: sa.Connection, name: str | None, limit: int) -> Sequence[RuleChange]:
    """Return the changes of rules, or of the rule *name*, the newest first."""
    names = ("at_ns", "actor", "action", "before", "after")
    query = sa.select(CHANGES.c.name.label("rule"), *(CHANGES.c[n] for n in names))
    query = query.where(CHANGES.c.kind == "rule")
    if name is not None:
        query = query.where(CHANGES.c.name == name)
    rows = db.execute(query.order_by(CHANGES.c.id.desc()).limit(limit))
    return [RuleChange(**row) for row in rows.mappings()]
