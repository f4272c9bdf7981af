"""What people do with rules: list, set, remove, explain. Any thread may call.

A change takes effect at the next slot, on every replica; what it ends is told in the
transaction that makes it.
"""

from __future__ import annotations

import collections
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from algovigil.config.read import one_of
from algovigil_processor.alert import rulebook
from algovigil_processor.alert.evaluate.explain import Explanation, explain_rule
from algovigil_processor.alert.evaluate.reader import Reader
from algovigil_processor.alert.evaluation import valid_seconds
from algovigil_processor.alert.rulebook import setting_of
from algovigil_processor.alert.rules.compile import compiled

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from algovigil.config import MonitoringConfig
    from algovigil.config import Rule as RuleSetting
    from algovigil_processor.alert.evaluate.reader import Store
    from algovigil_processor.alert.evaluation import Announce, Evaluation
    from algovigil_processor.alert.rulebook import RuleChange
    from algovigil_processor.alert.rules.compile import Rule
    from algovigil_processor.state import State


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule, and what its last round came to: subjects by result."""

    setting: RuleSetting
    origin: str
    results: Mapping[str, int]


class RuleDesk:
    """Works on the rules of one evaluation."""

    def __init__(
        self,
        evaluation: Evaluation,
        store: Store,
        state: State,
        config: MonitoringConfig,
        announce: Announce,
        channels: Collection[str],
    ) -> None:
        self._channels: Final = channels
        self._evaluation: Final = evaluation
        self._store: Final = store
        self._state: Final = state
        self._config: Final = config
        self._announce: Final = announce

    def all(self) -> list[RuleView]:
        """Return the rules in force."""
        results: dict[str, collections.Counter[str]] = collections.defaultdict(
            collections.Counter
        )
        for verdict in tuple(self._evaluation.verdicts.values()):
            results[verdict.identity.rule][verdict.result] += 1
        return [
            RuleView(setting_of(rule.setting), rule.origin, results[rule.name])
            for rule in self._in_force()
        ]

    def _in_force(self) -> tuple[Rule, ...]:
        with self._state.read() as db:
            return self._evaluation.book.in_force(db)

    def put(self, setting: RuleSetting, by: str, now_ns: int) -> None:
        """Set a rule.

        Raises:
            ConfigError: it cannot be obeyed.
            NotYours: its name is one of the settings.
        """
        for channel in setting.channels:
            one_of(f"channel of rule {setting.name!r}", channel, self._channels)
        with self._state.write() as db:
            turns = self._evaluation.book.put(db, setting, by, now_ns)
            self._announce(db, turns, now_ns)

    def remove(self, name: str, by: str, now_ns: int) -> None:
        """Remove a rule.

        Raises:
            KeyError: there is no such rule.
            NotYours: it is one of the settings.
        """
        with self._state.write() as db:
            turns = self._evaluation.book.remove(db, name, by, now_ns)
            self._announce(db, turns, now_ns)

    def changes(self, name: str | None, limit: int) -> Sequence[RuleChange]:
        """Return who changed rules, or the rule *name*, the newest first."""
        with self._state.read() as db:
            return rulebook.changes(db, name, limit)

    def explain(self, name: str, now_ns: int) -> Explanation:
        """Say what the rule *name* reads and comes to at *now_ns*.

        Raises:
            KeyError: there is no such rule.
        """
        rules = {rule.name: rule for rule in self._in_force()}
        return self._explained(rules[name], now_ns)

    def try_out(self, setting: RuleSetting, now_ns: int) -> Explanation:
        """Say what a rule would read and come to, without setting it.

        Raises:
            ConfigError: it cannot be obeyed.
        """
        return self._explained(compiled(setting, "api"), now_ns)

    def _explained(self, rule: Rule, now_ns: int) -> Explanation:
        reader = Reader(self._store, valid_seconds(self._config))
        return explain_rule(rule, reader, now_ns, self._config.alerts.min_samples)
