"""What was read for one instant: a value of each need, for each subject.

A value that is not there has a reason. What is read of a whole version also answers
for its sites and subgroups, so that a part can be compared with the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from algovigil_processor.alert.rules.metrics import Cut
    from algovigil_processor.alert.rules.needs import Need

Reason: TypeAlias = Literal[
    "",  # known
    "missing",  # nothing in the window
    "insufficient_data",  # the analysis could not judge
    "low_n",  # fewer samples than the rule asks for
    "not_a_number",  # NaN, infinity, NULL, or a division by zero
    "stale_ingest",  # rows arrive later than the evaluation may wait
    "query_error",  # the store did not answer
]


class Subject(NamedTuple):
    """What a rule judges, one by one: a version of a model, or a part of its calls.

    `site` and `subgroup` (`name:value`) are '' where all calls count.
    """

    model: str
    version: str
    site: str = ""
    subgroup: str = ""

    @property
    def cut(self) -> Cut:
        """What this subject is a part by."""
        return "site" if self.site else "subgroup" if self.subgroup else ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value in its native unit, or why there is none.

    `samples` is what it rests on; None where few of them do not make it void.
    """

    value: float | None
    reason: Reason = ""
    samples: int | None = None


MISSING: Final = Reading(None, "missing")


@dataclass(frozen=True, slots=True)
class Readings:
    """The values of one instant; the needs in `failed` were not read, and why."""

    values: Mapping[Need, Mapping[Subject, Reading]]
    failed: Mapping[Need, Reason] = field(default_factory=dict)
    roster: frozenset[Subject] = frozenset()
    """The versions that were called lately, whether or not anything was read."""

    def get(self, need: Need, subject: Subject, min_samples: int = 0) -> Reading:
        """Return what *need* came to for *subject*, void under *min_samples*."""
        if need in self.failed:
            return Reading(None, self.failed[need])
        if need.cut == "" and subject.cut:
            subject = Subject(subject.model, subject.version)
        reading = self.values.get(need, {}).get(subject, MISSING)
        if reading.samples is not None and 0 < reading.samples < min_samples:
            return Reading(None, "low_n", reading.samples)
        return reading

    def subjects(self, needs: frozenset[Need], cut: Cut) -> Iterator[Subject]:
        """Return who of *cut* there is to judge by *needs*; some may come twice."""
        if not cut:
            yield from self.roster
        for need in needs:
            if need.cut == cut:
                yield from self.values.get(need, ())
