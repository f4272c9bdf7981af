"""When rules are judged: at whole multiples of the interval, each once.

The instants are data, not the time at which a tick happens to run: a slow tick, a
suspended machine or a restart changes none of them. Slots that passed meanwhile are
caught up from the store, which still has their calls.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_REPLAYED = 240
"""Slots that one catch-up judges at most; of more, evenly spaced ones are judged."""


@dataclass(frozen=True, slots=True)
class Due:
    """The slots to judge now, the oldest first; all but the last are replayed.

    `missed` counts the slots that passed and are not judged.
    """

    slots: tuple[int, ...] = ()
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Slots every `interval_ns`, caught up at most `replay_ns` back."""

    interval_ns: int
    replay_ns: int

    def due(self, last_ns: int, now_ns: int, most: int = MOST_REPLAYED) -> Due:
        """Return what is due at *now_ns* after the slot *last_ns*, 0 for none yet."""
        slot = now_ns - now_ns % self.interval_ns
        if last_ns == 0 or slot < last_ns - self.interval_ns:
            return Due((slot,))  # a first tick, or a clock that was set back
        if slot <= last_ns:
            return Due()
        passed = (slot - last_ns) // self.interval_ns
        reach = self.replay_ns // self.interval_ns
        caught_up = min(passed - 1, reach)
        stride = -(-caught_up // most) if caught_up > most else 1
        back = range(0, caught_up + 1, stride)
        slots = tuple(slot - n * self.interval_ns for n in reversed(back))
        return Due(slots, passed - len(slots))
