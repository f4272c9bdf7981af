"""What became of patients, read back from the processor: figures with their counts.

Invariant: a figure of nothing is NaN, never 0, and says that it counted nothing.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from algovigil.errors import ConfigError, explain
from algovigil.outcome_types import AdverseEvent

if TYPE_CHECKING:
    from algovigil.api import Api
    from algovigil.statistics.proportions import Interval

Moment = datetime | date | str | float
TimeRange = tuple[Moment, Moment] | timedelta | str | float | None

_SPAN: Final = re.compile(
    r"(?:last[ _])?(\d+)[ _]?(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)",
    re.IGNORECASE | re.ASCII,
)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# the last version of an outcome counts; where it does not say what was predicted, the
# processor's own join tells
_ACCURACY: Final = """
SELECT countIf(predicted = actual) AS numerator, count() AS denominator FROM
(
    SELECT
        lower(o.actual_value) AS actual,
        lower(if(o.predicted_value != '', o.predicted_value, j.predicted)) AS predicted
    FROM (SELECT * FROM outcomes ORDER BY received DESC LIMIT 1 BY outcome_id) AS o
    LEFT ANY JOIN
        (SELECT outcome_id, predicted FROM joined_outcomes) AS j USING outcome_id
    WHERE o.outcome_type != 'adverse_event' AND o.actual_value != ''
        AND o.timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND o.timestamp < fromUnixTimestamp64Nano({end:Int64})
)
WHERE predicted != ''
"""
_TREATMENT: Final = """
SELECT
    sum(ifNull(o.treatment_effectiveness, lower(o.treatment_outcome) IN (
        'successful', 'success', 'effective', 'improved', 'recovered', 'cured'))
    ) AS numerator,
    count() AS denominator
FROM (SELECT * FROM outcomes ORDER BY received DESC LIMIT 1 BY outcome_id) AS o
WHERE (o.treatment_effectiveness IS NOT NULL OR o.treatment_outcome != '')
    AND ({treatment:String} = '' OR lower(o.treatment) = lower({treatment:String}))
        AND o.timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND o.timestamp < fromUnixTimestamp64Nano({end:Int64})
"""
_EVENTS: Final = """
SELECT
    o.outcome_id, o.actual_value AS event, o.severity, o.reported, o.patient_id,
    o.model_name, o.model_version, o.inference_id, o.trace_id,
    toUnixTimestamp64Nano(o.timestamp) AS ns
FROM (SELECT * FROM outcomes ORDER BY received DESC LIMIT 1 BY outcome_id) AS o
WHERE o.outcome_type = 'adverse_event'
        AND o.timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND o.timestamp < fromUnixTimestamp64Nano({end:Int64})
ORDER BY o.timestamp, o.outcome_id
LIMIT 10000
"""


class Figure(float):
    """A share between 0 and 1 with the counts behind it; NaN where there are none."""

    numerator: float
    denominator: int

    def __new__(cls, numerator: float, denominator: int) -> Figure:
        """Return numerator over denominator."""
        value = numerator / denominator if denominator else math.nan
        made = super().__new__(cls, value)
        made.numerator, made.denominator = numerator, denominator
        return made

    @property
    def interval(self) -> Interval | None:
        """Wilson's 95 % interval (needs the extra `stats`); None of nothing."""
        from algovigil.statistics.proportions import wilson

        return wilson(self.numerator, self.denominator)


def window(
    time_range: TimeRange, start: Moment | None, end: Moment | None, now: datetime
) -> dict[str, int]:
    """Return the bounds of a range in nanoseconds since the epoch, the end excluded.

    Args:
        time_range: (start, end); a span back from now as `30d`, `last_24_hours`,
            `timedelta` or seconds; None is all.
        start, end: Its bounds by themselves; a date as end is that whole day.
        now: The time.

    Raises:
        ConfigError: it cannot be read, or ends before it begins.
    """
    if isinstance(time_range, tuple):
        start, end = time_range
    elif time_range is not None:
        start, end = now - _span(time_range), now
    bounds = {
        "start": 0 if start is None else _nanoseconds(start, end=False),
        "end": 2**62 if end is None else _nanoseconds(end, end=True),
    }
    if bounds["start"] >= bounds["end"]:
        raise ConfigError(explain("a time range that ends before it begins", "a range"))
    return bounds


def _span(given: timedelta | str | float) -> timedelta:
    if isinstance(given, timedelta):
        return given
    if isinstance(given, (int, float)):
        return timedelta(seconds=given)
    match = _SPAN.fullmatch(given.strip())
    if match is None:
        raise ConfigError(
            explain(f"the time range {given!r}", "such as `30d`, or (start, end)")
        )
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2][0].lower()])


def _nanoseconds(given: Moment, *, end: bool) -> int:
    if isinstance(given, str):
        try:
            whole = len(given) <= 10
            given = (
                date.fromisoformat(given) if whole else datetime.fromisoformat(given)
            )
        except ValueError:
            raise ConfigError(explain(f"the time {given!r}", "ISO 8601")) from None
    if isinstance(given, (int, float)):
        return round(given * 1e9)
    if not isinstance(given, datetime):
        given = datetime.combine(given, time()) + timedelta(days=int(end))
    if given.tzinfo is None:
        given = given.replace(tzinfo=timezone.utc)
    return round(given.timestamp() * 1e6) * 1000


def accuracy(api: Api, bounds: dict[str, int]) -> Figure:
    """Return the share of diagnoses that turned out true."""
    return _figure(api, _ACCURACY, bounds)


def effectiveness(api: Api, treatment: str, bounds: dict[str, int]) -> Figure:
    """Return the mean effectiveness of *treatment* ('' is any), or share of success."""
    return _figure(api, _TREATMENT, {**bounds, "treatment": treatment})


def _figure(api: Api, sql: str, parameters: dict[str, Any]) -> Figure:
    (row,) = api.rows(sql, parameters)
    return Figure(float(row["numerator"] or 0), int(row["denominator"]))


def adverse_events(api: Api, bounds: dict[str, int]) -> list[AdverseEvent]:
    """Return the events, oldest first; patients by their pseudonyms."""
    return [
        AdverseEvent(
            event=row["event"],
            severity=row["severity"] or "unknown",
            reported=bool(row["reported"]),
            outcome_id=row["outcome_id"],
            timestamp=int(row["ns"]) / 1e9,
            patient_id=row["patient_id"] or None,
            model_name=row["model_name"] or None,
            model_version=row["model_version"] or None,
            inference_id=row["inference_id"] or None,
            trace_id=row["trace_id"] or None,
        )
        for row in api.rows(_EVENTS, bounds)
    ]
