"""What leaves the house about alerts: closed words, bounded names, and numbers.

A message is built from typed fields only; there is none for free text. Names come from
the operator's rules and from redacted columns, bounded and on one line; a condition
travels as its parsed tree. So no message can carry a patient.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, get_args

from algovigil.config.notify import LABELS, SEVERITIES
from algovigil_processor.alert.group import Reason
from algovigil_processor.alert.rules.grammar import parse
from algovigil_processor.alert.rules.terms import is_term, unit_of
from algovigil_processor.alert.rules.tree import render, unselected
from algovigil_processor.alert.turn import Ending, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from algovigil_processor.alert.rules.tree import Expr

Event: TypeAlias = Literal["firing", "acknowledged", "resolved", "test"]

MAX_NAME: Final = 100
MAX_ITEMS: Final = 20
_NOT_OF_AN_ID: Final = re.compile(r"[^\w .@:/+()#-]")
_ID: Final = re.compile(r"[0-9a-f]{0,32}\Z")
_RANK: Final = {severity: rank for rank, severity in enumerate(SEVERITIES)}


def line(text: str) -> str:
    """Return *text*, a rule's name, as one printable line of at most 100 characters."""
    joined = " ".join(text.split())
    return "".join(c if c.isprintable() else "_" for c in joined)[:MAX_NAME]


def label(text: str) -> str:
    """Return *text*, which a sender chose, with `_` for each mark not of an id."""
    return _NOT_OF_AN_ID.sub("_", line(text))


def _named(labels: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    if any(name not in LABELS for name, _ in labels):
        raise ValueError("a message holds words of its own vocabulary only")
    return tuple(
        (name, line(value) if name == "rule" else label(value))
        for name, value in labels
    )


@dataclass(frozen=True, slots=True)
class Item:
    """One incident in a message. Times are Unix nanoseconds, 0 for not yet."""

    incident_id: str
    rule: str
    severity: Severity
    since_ns: int
    subject: tuple[tuple[str, str], ...] = ()
    """Labels that say what the rule was judged on, such as model and version."""
    condition: Expr | None = None
    values: tuple[tuple[str, float | None], ...] = ()
    """The terms of the condition, and what they came to."""
    fired_ns: int = 0
    resolved_ns: int = 0
    ending: Ending = ""
    replayed: bool = False
    """It happened while the processor was away, and was found afterwards."""

    def __post_init__(self) -> None:
        """Hold the promise of the module, whoever builds it."""
        object.__setattr__(self, "rule", line(self.rule))
        object.__setattr__(self, "subject", _named(self.subject))
        if (
            self.severity not in SEVERITIES
            or self.ending not in get_args(Ending)
            or not _ID.match(self.incident_id)
            or not all(is_term(term) for term, _ in self.values)
        ):
            raise ValueError("a message holds words of its own vocabulary only")
        if self.condition is not None:
            object.__setattr__(self, "condition", unselected(self.condition))

    def plain(self) -> dict[str, object]:
        """Return the item as plain data."""
        return {
            "incident_id": self.incident_id,
            "rule": self.rule,
            "severity": self.severity,
            **dict(self.subject),
            "condition": None if self.condition is None else render(self.condition),
            "values": [
                {"metric": term, "value": value, "unit": unit_of(term)}
                for term, value in self.values
            ],
            "since": moment(self.since_ns),
            "fired": moment(self.fired_ns),
            "resolved": moment(self.resolved_ns),
            "reason": self.ending,
            "replayed": self.replayed,
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Item:
        """Read back what `plain` wrote."""
        condition = data["condition"]
        return cls(
            data["incident_id"],
            data["rule"],
            data["severity"],
            _nanoseconds(data["since"]),
            tuple((name, data[name]) for name in LABELS[2:] if name in data),
            None if condition is None else parse(condition),
            tuple((v["metric"], v["value"]) for v in data["values"]),
            _nanoseconds(data["fired"]),
            _nanoseconds(data["resolved"]),
            data["reason"],
            data["replayed"],
        )

    def headline(self) -> str:
        """Return one line for a person."""
        about = " ".join(value for _, value in self.subject if value)
        word = "RESOLVED" if self.resolved_ns else "FIRING"
        return f"{word} {self.severity}: {self.rule}" + (
            f" on {about}" if about else ""
        )

    def lines(self) -> list[str]:
        """Return the item as lines for a person."""
        lines = [self.headline()]
        if self.condition is not None:
            lines.append(f"  condition {render(self.condition)}")
        for term, value in self.values:
            figure = "unknown" if value is None else f"{value:.6g}"
            lines.append(f"  {term}: {figure} {unit_of(term)}")
        times = (("fired", self.fired_ns), ("resolved", self.resolved_ns))
        said = ", ".join(f"{word} {moment(at_ns)}" for word, at_ns in times if at_ns)
        lines.append(f"  {said}; incident {self.incident_id}")
        if self.replayed:
            lines.append("  Happened while the processor was away.")
        if self.ending not in ("", "condition_false"):
            lines.append(f"  Ended by: {self.ending}; the condition may still hold.")
        return lines


@dataclass(frozen=True, slots=True)
class Message:
    """One event of one group of incidents.

    `firing` and `resolved` count the incidents; `items` are the gravest of them, at
    most 20. `group_id` is the same from a group's first message to its last.
    """

    event: Event
    reason: Reason
    severity: Severity
    at_ns: int
    group_id: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """What the incidents of the group share."""
    items: tuple[Item, ...] = ()
    firing: int = 0
    resolved: int = 0
    level: int = 0
    link: str = ""

    def __post_init__(self) -> None:
        """Hold the promise of the module, whoever builds it."""
        object.__setattr__(self, "labels", _named(self.labels))
        object.__setattr__(self, "items", self.items[:MAX_ITEMS])
        if (
            self.event not in get_args(Event)
            or self.reason not in get_args(Reason)
            or self.severity not in SEVERITIES
            or not _ID.match(self.group_id)
        ):
            raise ValueError("a message holds words of its own vocabulary only")

    @property
    def more(self) -> int:
        """How many incidents are counted and not shown."""
        return max(self.firing + self.resolved - len(self.items), 0)

    def body(self) -> str:
        """Return the message as JSON: `type`, `timestamp` and `data`.

        The shape is that of Standard Webhooks 1.0, "Payload structure".
        """
        data = {
            "group_id": self.group_id,
            "reason": self.reason,
            "severity": self.severity,
            "level": self.level,
            "labels": dict(self.labels),
            "firing": self.firing,
            "resolved": self.resolved,
            "incidents": [item.plain() for item in self.items],
            "more": self.more,
            "link": self.link,
        }
        whole = {
            "type": f"alert.{self.event}",
            "timestamp": moment(self.at_ns),
            "data": data,
        }
        return json.dumps(whole, ensure_ascii=True, allow_nan=False)

    @classmethod
    def of(cls, body: str) -> Message:
        """Read back what `body` wrote."""
        whole: Mapping[str, Any] = json.loads(body)
        data: Mapping[str, Any] = whole["data"]
        return cls(
            cast("Event", whole["type"].removeprefix("alert.")),
            data["reason"],
            data["severity"],
            _nanoseconds(whole["timestamp"]),
            data["group_id"],
            tuple(data["labels"].items()),
            tuple(map(Item.of, data["incidents"])),
            data["firing"],
            data["resolved"],
            data["level"],
            data["link"],
        )

    def headline(self) -> str:
        """Return one line for a person."""
        if self.event == "test":
            return "Algovigil test message"
        raised = f" (escalated, level {self.level})" if self.level else ""
        if len(self.items) == 1 and not self.more and self.event != "acknowledged":
            return self.items[0].headline() + raised
        counts = ", ".join(
            f"{count} {word}"
            for count, word in ((self.firing, "firing"), (self.resolved, "resolved"))
            if count
        )
        about = " ".join(value for _, value in self.labels if value)
        on = f" on {about}" if about else ""
        return f"{self.event.upper()} {self.severity}: {counts}{on}{raised}"

    def text(self) -> str:
        """Return the message as plain text for a person."""
        lines = [self.headline(), ""]
        for item in self.items:
            lines += [*item.lines(), ""]
        if self.more:
            lines += [f"and {self.more} more", ""]
        if self.link:
            lines.append(self.link)
        return "\n".join(lines) + "\n"


def worst(severities: Sequence[str]) -> Severity:
    """Return the gravest of *severities*."""
    return cast("Severity", min(severities, key=_RANK.__getitem__, default="info"))


def rank(severity: str) -> int:
    """Return where *severity* stands, 0 for the gravest."""
    return _RANK[severity]


def moment(at_ns: int) -> str | None:
    """Return *at_ns* as ISO 8601 in UTC to the microsecond; None for 0."""
    if not at_ns:
        return None
    seconds, rest = divmod(at_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _nanoseconds(moment: str | None) -> int:
    if moment is None:
        return 0
    at = datetime.fromisoformat(moment)
    return int(at.replace(microsecond=0).timestamp()) * 10**9 + at.microsecond * 1000
