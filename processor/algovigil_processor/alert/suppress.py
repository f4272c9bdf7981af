"""Why an incident is not told just now: inhibition, silence or maintenance. Pure.

A mute is computed whenever something would be sent, and never stored as the state of an
alert: what a window hid still fires, and is told when the window ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from algovigil_processor.alert.labels import Matcher, matchers, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from algovigil.config import Inhibition
    from algovigil_processor.alert.labels import Columns
    from algovigil_processor.alert.windows import Window

Kind: TypeAlias = Literal["inhibition", "silence", "maintenance"]


class Mute(NamedTuple):
    """One reason not to tell; `name` finds it: a rule, an id or a window."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Silence:
    """What a person asked not to hear of, from when to when."""

    silence_id: str
    matchers: tuple[Matcher, ...]
    starts_ns: int
    ends_ns: int

    def active(self, now_ns: int) -> bool:
        """Tell whether it is in force."""
        return self.starts_ns <= now_ns < self.ends_ns


@dataclass(frozen=True, slots=True)
class Inhibit:
    """An inhibition of the settings, read."""

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]


def inhibit(declared: Inhibition, number: int) -> Inhibit:
    """Check inhibition *number* of the settings.

    Raises:
        ConfigError: a matcher cannot be read.
    """
    name = f"inhibition {number + 1}"
    return Inhibit(
        name,
        matchers(declared.source, f"{name}, source"),
        matchers(declared.target, f"{name}, target"),
        declared.equal,
    )


def mutes(
    columns: Columns,
    firing: Sequence[bool],
    inhibits: Iterable[Inhibit],
    silences: Iterable[Silence],
    windows: Iterable[Window],
    now_ns: int,
) -> list[tuple[Mute, ...]]:
    """Return what mutes each incident at *now_ns*; () where nothing does.

    Only what still fires inhibits. An inhibition is in force whether or not its source
    is itself silenced, as in Alertmanager.
    """
    found: list[list[Mute]] = [[] for _ in firing]
    for one in inhibits:
        for row in _inhibited(one, columns, firing):
            found[row].append(Mute("inhibition", one.name))
    for silence in silences:
        if silence.active(now_ns):
            _add(found, silence.matchers, columns, Mute("silence", silence.silence_id))
    for window in windows:
        if window.running(now_ns):
            _add(found, window.matchers, columns, Mute("maintenance", window.name))
    return [tuple(reasons) for reasons in found]


def _add(
    found: list[list[Mute]], wanted: Iterable[Matcher], columns: Columns, mute: Mute
) -> None:
    for row, hit in enumerate(select(wanted, columns)):
        if hit:
            found[row].append(mute)


def _inhibited(one: Inhibit, columns: Columns, firing: Sequence[bool]) -> list[int]:
    """Return the incidents that *one* mutes.

    What matches both sides is not muted by another of its like, or both would go.
    """
    source, target = select(one.source, columns), select(one.target, columns)
    keys = [columns[label] for label in one.equal]

    def key(row: int) -> tuple[str, ...]:
        return tuple(values[row] for values in keys)

    sources = [row for row, hit in enumerate(source) if hit and firing[row]]
    every = {key(row) for row in sources}
    one_sided = {key(row) for row in sources if not target[row]}
    return [
        row
        for row, hit in enumerate(target)
        if hit and key(row) in (one_sided if source[row] else every)
    ]
