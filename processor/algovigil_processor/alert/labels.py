"""Which alerts are meant: matchers over the labels of incidents, by column.

The operators are Alertmanager's: `=`, `!=`, `=~` and `!~`, regular expressions anchored
at both ends. They run in RE2, in linear time, whatever an operator writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

from algovigil.config.notify import LABELS
from algovigil.errors import ConfigError, explain, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Operator: TypeAlias = Literal["=", "!=", "=~", "!~"]
Columns: TypeAlias = "Mapping[str, Sequence[str]]"
"""The values of each label of `LABELS`, one an incident, in one order."""

_MOST_CHARACTERS: Final = 500
_MATCHER: Final = re.compile(r"\s*(\w+)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label."""

    label: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'

    def of(self, values: Sequence[str]) -> pa.BooleanArray:
        """Return which of *values* match."""
        column = pa.array(values, pa.string())
        if self.operator in ("=", "!="):
            found = pc.equal(column, self.value)
        else:
            found = pc.match_substring_regex(column, rf"\A(?:{self.value})\z")
        return found if self.operator in ("=", "=~") else pc.invert(found)


def matcher(text: str, where: str = "matcher") -> Matcher:
    """Read `label="value"`; the quotes may be left out.

    Raises:
        ConfigError: it is not of that form; *where* says whose matcher it is.
    """
    found = _MATCHER.fullmatch(text)
    if found is None or len(text) > _MOST_CHARACTERS:
        raise ConfigError(
            explain(f"{where}: {text[:80]!r}", '`label="value"`, or with != =~ !~')
        )
    label, operator, value = found.groups()
    if label not in LABELS:
        raise ConfigError(
            explain(
                f"{where}: label {label!r}",
                "one of " + ", ".join(LABELS),
                nearest(label, LABELS),
            )
        )
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    read = Matcher(label, cast("Operator", operator), value)
    try:
        read.of([""])
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        raise ConfigError(
            explain(f"{where}: {type(error).__name__} in {value!r}", "an RE2 pattern")
        ) from None
    return read


def matchers(texts: Iterable[str], where: str) -> tuple[Matcher, ...]:
    """Read some matchers, of which one at least says what a label must be.

    Raises:
        ConfigError: one cannot be read, or together they match anything at all.
    """
    read = tuple(matcher(text, where) for text in texts)
    if all(m.of([""])[0].as_py() for m in read):
        raise ConfigError(
            explain(
                f"{where}: {len(read)} matchers that take an empty label too",
                "one at least that names a value",
                'to mean every alert write `severity=~".+"`',
            )
        )
    return read


def select(wanted: Iterable[Matcher], columns: Columns) -> list[bool]:
    """Return which incidents all of *wanted* match."""
    size = len(columns["rule"])
    found = pa.array([True] * size, pa.bool_())
    for one in wanted:
        found = pc.and_(found, one.of(columns[one.label]))
    # by the incident: 10 000 of them, a storm, take 1 ms
    return cast("list[bool]", found.to_pylist())


def could_match(wanted: Iterable[Matcher], label: str, value: str) -> bool:
    """Tell whether *wanted* let an incident through whose *label* is *value*."""
    return all(m.of([value])[0].as_py() for m in wanted if m.label == label)
