"""Make readings of result rows. One row is a version or a part of one: they are few."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from algovigil_processor.alert.evaluate.readings import Reading, Subject
from algovigil_processor.alert.rules.functions import LEVELS
from algovigil_processor.alert.rules.metrics import METRICS, QUANTILES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from algovigil_processor.alert.rules.needs import Need

    Row: TypeAlias = Mapping[str, Any]
    Found: TypeAlias = Mapping[Need, Mapping[Subject, Reading]]

_JUDGED: Final = ("ok", "drift", "warning", "critical")
_SUMMED: Final = frozenset(("queue_depth",))
"""What instances have together; of the rest the worst instance counts."""


def calls_of(
    rows: Sequence[Row], wanted: Collection[Need], limits: Sequence[float], seconds: int
) -> Found:
    """Return what each of *wanted* is over the calls of a window of *seconds*."""
    found: dict[Need, dict[Subject, Reading]] = {need: {} for need in wanted}
    for row in rows:
        subject = Subject(
            row["model_name"],
            row["model_version"],
            row["part_site"],
            row["part_subgroup"],
        )
        for need in wanted:
            found[need][subject] = _of_calls(row, need, limits, seconds)
    return found


def _of_calls(row: Row, need: Need, limits: Sequence[float], seconds: int) -> Reading:
    calls, failed, timed = row["calls"], row["errors"], row["timed"]
    if need.function == "slow":
        slow = row["slow"][limits.index(need.argument)]
        return _ratio(slow, timed)
    match need.metric:
        case "request_count":
            return Reading(float(calls))
        case "throughput":
            return Reading(calls / seconds)
        case "error_rate":
            return _ratio(failed, calls)
        case "availability":
            return _ratio(calls - failed, calls)
        case name:
            value = row["latency"][list(QUANTILES).index(name)]
            return _number(value, timed)


def _ratio(part: int, whole: int) -> Reading:
    return Reading(part / whole, samples=whole) if whole else _number(None, 0)


def _number(value: float | None, samples: int | None = None) -> Reading:
    if value is None or not math.isfinite(value):
        return Reading(None, "not_a_number")
    return Reading(float(value), samples=samples)


def samples_of(
    rows: Iterable[Row],
    wanted: Collection[Need],
    services: Mapping[str, Collection[Subject]],
) -> Found:
    """Return what each of *wanted* is over the samples of a window.

    A row of a service counts for every version in *services* that it runs.
    """
    by_metric: dict[str, list[Need]] = defaultdict(list)
    for need in wanted:
        by_metric[need.metric].append(need)
    instances: dict[Need, dict[Subject, list[Reading]]] = {
        need: defaultdict(list) for need in wanted
    }
    for row in rows:
        for need in by_metric[row["metric"]]:
            reading = _of_samples(row, need)
            for subject in _subjects(row, services):
                if subject.cut == need.cut:
                    instances[need][subject].append(reading)
    return {
        need: {who: _together(need, each) for who, each in found.items()}
        for need, found in instances.items()
    }


def _subjects(
    row: Row, services: Mapping[str, Collection[Subject]]
) -> Collection[Subject]:
    if row["service_name"]:
        return services.get(row["service_name"], ())
    model, version = row["model_name"], row["model_version"]
    return (Subject(model, version, row["site"], row["subgroup"]),)


def _of_samples(row: Row, need: Need) -> Reading:
    if need.function == "":
        return _newest(need, *row["newest"].values())
    if need.function == "count":
        return Reading(float(row["n"]))
    if not row["n"]:
        return Reading(None, "insufficient_data")
    if need.function == "quantile":
        return _number(row["quantiles"][LEVELS.index(need.argument)])
    return _number(row[need.function])


def _newest(
    need: Need, value: float | None, samples: int | None, status: str
) -> Reading:
    if status not in _JUDGED:
        return Reading(None, "insufficient_data")
    counts = samples if METRICS[need.metric].needs_samples else None
    return _number(value, counts)


def _together(need: Need, each: Sequence[Reading]) -> Reading:
    values = [reading.value for reading in each if reading.value is not None]
    if len(each) == 1 or not values:
        return each[0]
    return Reading(sum(values) if need.metric in _SUMMED else max(values))
