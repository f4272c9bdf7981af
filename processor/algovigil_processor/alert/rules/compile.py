"""Alert rules as they run: each setting read, linted and bounded once, at start.

A rule that could never fire, or always would, is a `ConfigError` and not a surprise.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.message import MAX_NAME, line
from algovigil_processor.alert.rules.check import checked
from algovigil_processor.alert.rules.grammar import RuleSyntaxError, parse
from algovigil_processor.alert.rules.needs import Need, needs
from algovigil_processor.alert.rules.tree import (
    Absent,
    metrics,
    render,
    terms,
    unselected,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from algovigil.config import Rule as RuleSetting
    from algovigil_processor.alert.evaluate.readings import Subject
    from algovigil_processor.alert.rules.metrics import Cut
    from algovigil_processor.alert.rules.tree import Expr, Term
    from algovigil_processor.alert.turn import Severity


NO_DATA: Final = ("missing", "insufficient_data", "low_n")
"""Why a condition may be unknown though the store answered."""

Origin: TypeAlias = Literal["file", "api", "sla", "default"]
"""Who wrote a rule: the settings, somebody over REST, or the product."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to judge: `written` is for people, `condition` for `evaluate`.

    `resolve` is what must hold for a firing alert to end; None is that the condition
    does not. `unknown_fires` lists the reasons of unknown that count as true.
    """

    name: str
    severity: Severity
    for_ns: int
    channels: tuple[str, ...]
    written: Expr
    condition: Expr
    keep_ns: int = 0
    resolve: Expr | None = None
    min_samples: int = 0
    unknown_fires: frozenset[str] = frozenset()
    origin: Origin = "file"
    needs: frozenset[Need] = frozenset()
    setting: str = ""
    """JSON of what was written, with the condition as `render` writes it."""

    cut: Cut = ""
    """What the rule judges apart, within a version."""
    selects: tuple[tuple[str, str], ...] = ()
    """What the selectors of the condition ask of a subject."""
    named: tuple[tuple[str, Term], ...] = ()
    """What the condition reads, each as a person is shown it."""

    @property
    def text(self) -> str:
        """The condition as `render` writes it."""
        return render(self.written)

    def covers(self, subject: Subject) -> bool:
        """Whether every selector of the condition lets *subject* through."""
        return all(getattr(subject, label) == wanted for label, wanted in self.selects)


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
        rules[setting.name] = compiled(setting)
    return tuple(rules.values())


def compiled(setting: RuleSetting, origin: Origin = "file") -> Rule:
    """Return *setting* as a rule.

    Raises:
        ConfigError: as `compile_rules`.
    """
    if not setting.name or line(setting.name) != setting.name:
        raise ConfigError(
            explain(
                f"rule name {setting.name!r}",
                f"one printable line of 1 to {MAX_NAME} characters",
            )
        )
    for key in ("duration", "keep_firing"):
        seconds = getattr(setting, key)
        if not math.isfinite(seconds) or seconds < 0:
            raise ConfigError(
                explain(f"{key} of rule {setting.name!r}: {seconds}", "seconds from 0")
            )
    written, condition = _condition(setting.name, "condition", setting.condition)
    resolve = None
    if setting.resolve_when:
        _, resolve = _condition(setting.name, "resolve_when", setting.resolve_when)
    rule = Rule(
        setting.name,
        setting.severity,  # type: ignore[arg-type] # config holds it to SEVERITIES
        int(setting.duration * 1e9),
        tuple(dict.fromkeys(setting.channels)),
        written,
        condition,
        int(setting.keep_firing * 1e9),
        resolve,
        setting.min_samples,
        _firing_reasons(setting),
        origin,
        needs(condition) | (needs(resolve) if resolve else frozenset()),
        _plain(setting, written),
        next((ref.cut for ref in metrics(condition) if ref.cut), ""),
        tuple(dict.fromkeys(s for ref in metrics(condition) for s in ref.selector)),
        _named(condition),
    )
    if resolve is not None and not _one_cut(rule.cut, resolve):
        raise ConfigError(
            explain(
                f"resolve_when of rule {setting.name!r} by another cut",
                "the site or subgroup of the condition, or none",
            )
        )
    return rule


def _named(condition: Expr) -> tuple[tuple[str, Term], ...]:
    found: dict[str, Term] = {}
    for term in terms(condition):
        shown = term.of if isinstance(term, Absent) else term
        found.setdefault(render(unselected(shown)), term)
    return tuple(found.items())


def _plain(setting: RuleSetting, written: Expr) -> str:
    plain = dataclasses.asdict(setting) | {"condition": render(written)}
    return json.dumps(plain, sort_keys=True)


def _condition(name: str, key: str, text: str) -> tuple[Expr, Expr]:
    try:
        written = parse(text)
        return written, checked(written)
    except RuleSyntaxError as error:
        raise ConfigError(f"{key} of rule {name!r}: {error}") from None


def _one_cut(cut: Cut, expr: Expr) -> bool:
    return all(ref.cut in ("", cut) for ref in metrics(expr))


def _firing_reasons(setting: RuleSetting) -> frozenset[str]:
    error = {"query_error"} if setting.on_error == "alert" else set()
    no_data = set(NO_DATA) if setting.on_no_data == "alert" else set()
    return frozenset(error | no_data)
