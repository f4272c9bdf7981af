"""Say what a rule reads, by which statements, and what that comes to right now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from algovigil_processor.alert.evaluate.judge import judge, lookup_of
from algovigil_processor.alert.evaluate.logic import figures
from algovigil_processor.alert.rules.tree import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil_processor.alert.evaluate.reader import Reader
    from algovigil_processor.alert.evaluate.readings import Subject
    from algovigil_processor.alert.rules.compile import Rule


@dataclass(frozen=True, slots=True)
class Read:
    """One statement, and the values of which it gives; spans are seconds."""

    metrics: tuple[str, ...]
    source: str
    window: int
    offset: int
    sql: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the condition comes to for one subject."""

    subject: Subject
    result: str
    reason: str
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A rule in other words: numbers in native units, statements, and the present."""

    name: str
    condition: str
    judged: str
    reads: tuple[Read, ...]
    outcomes: tuple[Outcome, ...]


def explain_rule(
    rule: Rule, reader: Reader, now_ns: int, min_samples: int
) -> Explanation:
    """Return what *rule* reads with *reader*, and comes to at *now_ns*."""
    readings = reader.read(now_ns, rule.needs)
    verdicts = judge([rule], readings, {}, now_ns, min_samples=min_samples)
    return Explanation(
        rule.name,
        rule.text,
        render(rule.condition),
        tuple(
            Read(
                tuple(sorted({need.metric for need in needs})),
                window.source,
                window.seconds,
                window.offset,
                sql,
            )
            for window, needs, sql in reader.plan(rule.needs)
        ),
        tuple(
            Outcome(
                v.identity.subject,
                v.result,
                v.judgement.reason,
                dict(figures(rule.named, lookup_of(readings, v.identity.subject, 0))),
            )
            for v in verdicts
        ),
    )
