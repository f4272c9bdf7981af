"""What leaves the house about an alert: closed words, bounded names, and numbers.

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

from algovigil_processor.alert.rules.grammar import parse
from algovigil_processor.alert.rules.terms import is_term, unit_of
from algovigil_processor.alert.rules.tree import render, unselected
from algovigil_processor.alert.turn import Ending, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from algovigil_processor.alert.rules.tree import Expr

Event: TypeAlias = Literal["firing", "resolved", "test"]

MAX_NAME: Final = 100
_NOT_OF_AN_ID: Final = re.compile(r"[^\w .@:/+()#-]")
_INCIDENT: Final = re.compile(r"[0-9a-f]{0,32}\Z")


def line(text: str) -> str:
    """Return *text*, a rule's name, as one printable line of at most 100 characters."""
    joined = " ".join(text.split())
    return "".join(c if c.isprintable() else "_" for c in joined)[:MAX_NAME]


def label(text: str) -> str:
    """Return *text*, which a sender chose, with `_` for each mark not of an id."""
    return _NOT_OF_AN_ID.sub("_", line(text))


@dataclass(frozen=True, slots=True)
class Message:
    """One event of one incident. Times are Unix nanoseconds, 0 for not yet."""

    event: Event
    rule: str
    severity: Severity
    since_ns: int
    incident_id: str = ""
    model: str = ""
    version: str = ""
    site: str = ""
    subgroup: str = ""
    condition: Expr | None = None
    values: tuple[tuple[str, float | None], ...] = ()
    fired_ns: int = 0
    resolved_ns: int = 0
    ending: Ending = ""
    link: str = ""

    def __post_init__(self) -> None:
        """Hold the promise of the module, whoever builds it."""
        object.__setattr__(self, "rule", line(self.rule))
        for name in ("model", "version", "site", "subgroup"):
            object.__setattr__(self, name, label(getattr(self, name)))
        closed = (
            self.event in get_args(Event)
            and self.severity in get_args(Severity)
            and self.ending in get_args(Ending)
            and _INCIDENT.match(self.incident_id)
            and all(is_term(term) for term, _ in self.values)
        )
        if not closed:
            raise ValueError("a message holds words of its own vocabulary only")
        if self.condition is not None:
            object.__setattr__(self, "condition", unselected(self.condition))

    @property
    def at_ns(self) -> int:
        """When the event happened."""
        return self.resolved_ns or self.fired_ns or self.since_ns

    def body(self) -> str:
        """Return the message as JSON: `type`, `timestamp` and `data`.

        The shape is that of Standard Webhooks 1.0, "Payload structure".
        """
        data = {
            "incident_id": self.incident_id,
            "rule": self.rule,
            "severity": self.severity,
            "model": self.model,
            "version": self.version,
            "site": self.site,
            "subgroup": self.subgroup,
            "condition": None if self.condition is None else render(self.condition),
            "values": [
                {"metric": term, "value": value, "unit": unit_of(term)}
                for term, value in self.values
            ],
            "since": moment(self.since_ns),
            "fired": moment(self.fired_ns),
            "resolved": moment(self.resolved_ns),
            "reason": self.ending,
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
            event=cast("Event", whole["type"].removeprefix("alert.")),
            incident_id=data["incident_id"],
            rule=data["rule"],
            severity=data["severity"],
            model=data["model"],
            version=data["version"],
            site=data["site"],
            subgroup=data["subgroup"],
            condition=None if data["condition"] is None else parse(data["condition"]),
            values=tuple((v["metric"], v["value"]) for v in data["values"]),
            since_ns=_nanoseconds(data["since"]),
            fired_ns=_nanoseconds(data["fired"]),
            resolved_ns=_nanoseconds(data["resolved"]),
            ending=data["reason"],
            link=data["link"],
        )

    def headline(self) -> str:
        """Return one line for a person."""
        if self.event == "test":
            return "Algovigil test message"
        words = {"firing": "FIRING", "resolved": "RESOLVED"}[self.event]
        where = (self.model, self.version, self.site, self.subgroup)
        about = " on " + " ".join(filter(None, where)) if self.model else ""
        return f"{words} {self.severity}: {self.rule}{about}"

    def text(self) -> str:
        """Return the message as plain text for a person."""
        lines = [self.headline(), ""]
        if self.condition is not None:
            lines.append(f"Condition:  {render(self.condition)}")
        for term, value in self.values:
            figure = "unknown" if value is None else f"{value:.6g}"
            lines.append(f"{term}:  {figure} ({unit_of(term)})")
        for label, at_ns in (
            ("Since", self.since_ns),
            ("Fired", self.fired_ns),
            ("Resolved", self.resolved_ns),
        ):
            if at_ns:
                lines.append(f"{label}:  {moment(at_ns)}")
        if self.ending == "rule_removed":
            lines.append("The rule was removed; the condition may still hold.")
        if self.incident_id:
            lines += [f"Incident:  {self.incident_id}", self.link]
        return "\n".join(lines) + "\n"


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
