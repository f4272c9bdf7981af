"""One round of judging, pure: every rule on every subject that it covers.

A subject without readings is still judged while it is pending or firing: its condition
is unknown, and so it stays where it is.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from algovigil_processor.alert.evaluate.lifecycle import AlertState, Identity, advance
from algovigil_processor.alert.evaluate.logic import MISSING, evaluate, first_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from algovigil_processor.alert.evaluate.lifecycle import Transition
    from algovigil_processor.alert.evaluate.logic import Judgement
    from algovigil_processor.alert.evaluate.readings import Readings, Subject
    from algovigil_processor.alert.rules.compile import Rule


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule came to on one subject, and what that changed."""

    rule: Rule
    identity: Identity
    judgement: Judgement
    before: AlertState
    after: AlertState
    steps: tuple[Transition, ...]
    values: tuple[tuple[str, float | None], ...]
    figure: float | None

    @property
    def result(self) -> str:
        """`true`, `false`, `unknown`, or `error` when the store did not answer."""
        if self.judgement.truth is None:
            return "error" if self.judgement.reason == "query_error" else "unknown"
        return "true" if self.judgement.truth else "false"


def judge(
    rules: Iterable[Rule],
    readings: Readings,
    known: Mapping[Identity, AlertState],
    now_ns: int,
) -> Iterator[Verdict]:
    """Yield a verdict for each rule and subject, in the order of *rules*."""
    standing: dict[str, set[Subject]] = defaultdict(set)
    for identity in known:
        standing[identity.rule].add(identity.subject)
    for rule in rules:
        for subject in sorted(standing[rule.name].union(readings.by_subject)):
            if rule.covers(subject):
                identity = Identity(rule.name, subject)
                before = known.get(identity, AlertState())
                yield _verdict(rule, identity, before, readings, now_ns)


def _verdict(
    rule: Rule,
    identity: Identity,
    before: AlertState,
    readings: Readings,
    now_ns: int,
) -> Verdict:
    values = readings.of(identity.subject)
    judgement = evaluate(rule.condition, values)
    after, steps = advance(identity, before, judgement.truth, now_ns, rule.for_ns)
    return Verdict(
        rule,
        identity,
        judgement,
        before,
        after,
        steps,
        tuple((name, values.get(name, MISSING).value) for name in rule.metrics),
        first_value(rule.condition, values),
    )
