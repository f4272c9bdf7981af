"""The notation of `promtool test rules`: series by hand, and times.

    a+bxn  a, a+b, ... a+n*b        axn    a, n more times
    a-bxn  a, a-b, ... a-n*b        _      nothing; _xn n times
    stale  the series ends here

Prometheus 2.42, docs/configuration/unit_testing_rules.md, "<series>".
"""

from __future__ import annotations

import re
from typing import Final

from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.evaluate.readings import Subject
from algovigil_processor.alert.rules.metrics import METRICS

_NUMBER: Final = r"[+-]?(?:[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|Inf|NaN)"
_ITEM: Final = re.compile(
    rf"(?P<gap>_)(?:x(?P<gaps>[0-9]+))?|(?P<stale>stale)|"
    rf"(?P<start>{_NUMBER})(?:(?P<step>[+-](?!Inf|NaN)[0-9]*\.?[0-9]+)?x(?P<times>[0-9]+))?"
)
_SERIES: Final = re.compile(
    r'(?P<name>[a-z_0-9]+)\s*(?:\{(?P<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?'
)
_LABEL: Final = re.compile(r'\s*(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_SPAN: Final = re.compile(r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_IN_SECONDS: Final = (86_400, 3600, 60, 1)
MOST_VALUES: Final = 100_000

STALE: Final = "stale"


def values(text: str) -> list[float | str | None]:
    """Return the samples of *text*: a number, None for none, or `STALE`.

    Raises:
        ConfigError: it is not in the notation, or is too long.
    """
    found: list[float | str | None] = []
    for item in text.split():
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ConfigError(
                explain(
                    f"series value `{item[:40]}`", "`1`, `0.5+0.1x5`, `_x3`, `stale`"
                )
            )
        times = int(match["times"] or match["gaps"] or 0)
        if len(found) + times > MOST_VALUES:
            raise ConfigError(explain("a series too long", f"{MOST_VALUES} values"))
        if match["gap"]:
            found += [None] * (times or 1)
        elif match["stale"]:
            found.append(STALE)
        else:
            start, step = float(match["start"]), float(match["step"] or 0)
            found += [start + n * step for n in range(times + 1)]
    return found


def series(text: str) -> tuple[str, Subject]:
    """Return the metric and the subject of *text*: `error_rate{model="a"}`.

    Raises:
        ConfigError: it is no series of ours.
    """
    match = _SERIES.fullmatch(text.strip())
    if match is None or match["name"] not in METRICS:
        raise ConfigError(
            explain(
                f"series `{text[:60]}`",
                'a metric with labels: `error_rate{model="a", version="1"}`',
                "metrics: " + ", ".join(METRICS),
            )
        )
    labels = {}
    rest = match["labels"] or ""
    while rest.strip():
        label = _LABEL.match(rest)
        if label is None or label[1] not in Subject._fields:
            raise ConfigError(
                explain(f"labels `{rest[:60]}`", ", ".join(Subject._fields))
            )
        labels[label[1]] = re.sub(r"\\(.)", r"\1", label[2])
        rest = rest[label.end() :]
    return match["name"], Subject(**{"model": "", "version": ""} | labels)


def seconds(text: str | int) -> int:
    """Return a time such as `1h30m` in seconds.

    Raises:
        ConfigError: it is no such time.
    """
    match = _SPAN.fullmatch(str(text).strip())
    if str(text).strip() == "0":
        return 0
    if match is None or not any(match.groups()):
        raise ConfigError(explain(f"time `{text}`", "`30s`, `5m`, `1h30m`"))
    parts = zip(match.groups(), _IN_SECONDS, strict=True)
    return sum(int(number or 0) * size for number, size in parts)
