"""One round of judging, pure: every rule on every subject that it covers.

A subject without readings is still judged while it is pending or firing: its condition
is unknown, and so it stays where it is.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from algovigil_processor.alert.evaluate.lifecycle import (
    AlertState,
    Identity,
    Timing,
    advance,
)
from algovigil_processor.alert.evaluate.logic import (
    Judgement,
    evaluate,
    figures,
    first_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from algovigil_processor.alert.evaluate.lifecycle import Transition
    from algovigil_processor.alert.evaluate.logic import Lookup
    from algovigil_processor.alert.evaluate.readings import Readings, Subject
    from algovigil_processor.alert.rules.compile import Rule

_NOTHING: Final = AlertState()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule came to on one subject, and what that changed.

    `values` are those of an alert: where none is or was, nobody asks for them.
    """

    rule: Rule
    identity: Identity
    judgement: Judgement
    before: AlertState
    after: AlertState
    steps: tuple[Transition, ...]
    values: tuple[tuple[str, float | None], ...]

    @property
    def figure(self) -> float | None:
        """The first value that the condition names."""
        return first_value(self.values)

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
    *,
    min_samples: int = 0,
) -> Iterator[Verdict]:
    """Yield a verdict for each rule and subject, in the order of *rules*.

    A latency or ratio over fewer calls than the rule's or *min_samples* is unknown.
    """
    standing: dict[str, set[Subject]] = defaultdict(set)
    for identity in known:
        standing[identity.rule].add(identity.subject)
    for rule in rules:
        there = standing[rule.name].union(readings.subjects(rule.needs, rule.cut))
        for subject in sorted(there):
            if rule.covers(subject):
                identity = Identity(rule.name, subject)
                lookup = lookup_of(readings, subject, rule.min_samples or min_samples)
                before = known.get(identity, _NOTHING)
                yield _verdict(rule, identity, before, lookup, now_ns)


def lookup_of(readings: Readings, subject: Subject, min_samples: int) -> Lookup:
    """Return what answers the needs of *subject*, void under *min_samples*."""
    return lambda need: readings.get(need, subject, min_samples)


def _verdict(
    rule: Rule, identity: Identity, before: AlertState, lookup: Lookup, now_ns: int
) -> Verdict:
    judgement = evaluate(rule.condition, lookup)
    truth = judgement.truth
    if truth is None and judgement.reason in rule.unknown_fires:
        truth = True
    elif truth is False and before.phase == "firing" and rule.resolve is not None:
        # between the two conditions is where it stays; unknown is in between
        truth = False if evaluate(rule.resolve, lookup).truth else None
    timing = Timing(rule.for_ns, rule.keep_ns)
    after, steps = advance(identity, before, truth, now_ns, timing)
    is_alert = not before.phase == after.phase == "inactive"
    values = figures(rule.named, lookup) if is_alert else ()
    return Verdict(rule, identity, judgement, before, after, steps, values)
