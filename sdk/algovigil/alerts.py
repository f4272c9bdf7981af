"""Alerts from a program: rules, what is wrong now, and messages by hand.

Rules live in the processor and survive restarts; `AlertManager` and
`NotificationSystem` ask its REST API. The notifiers send from this very process: the
rule of an alert, its severity and model, and no text.
"""

from __future__ import annotations

import getpass
import json
import os
import smtplib
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from algovigil.api import Api
from algovigil.errors import ConfigError, Unavailable, explain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from algovigil.config import MonitoringConfig

__all__ = [
    "Alert",
    "AlertManager",
    "AlertRule",
    "EmailNotifier",
    "NotificationSystem",
    "PagerDutyNotifier",
    "SlackNotifier",
]

_SECONDS: Final = 15.0
_PAGERDUTY: Final = "https://events.pagerduty.com/v2/enqueue"


@dataclass(frozen=True)
class AlertRule:
    """A rule; `duration` is how long, in seconds, its condition must hold to fire."""

    name: str
    condition: str
    severity: str = "warning"
    duration: float = 0.0
    channels: Sequence[str] = ()


@dataclass(frozen=True)
class Alert:
    """An alert that is pending or firing; times are ISO 8601 in UTC, or None."""

    incident_id: str
    rule: str
    severity: str
    status: str
    model: str
    version: str
    since: str | None
    fired: str | None

    def line(self) -> str:
        """Return one line for a person."""
        about = " ".join(filter(None, (self.model, self.version)))
        return f"{self.status.upper()} {self.severity}: {self.rule} on {about}"


class AlertManager:
    """The alerting of the processor that *config* names."""

    def __init__(self, config: MonitoringConfig) -> None:
        """Bind to the processor; ask it nothing yet.

        Raises:
            ConfigError: `processor.api` is no URL of HTTP.
        """
        self._api = Api(config)

    def start(self) -> None:
        """Check that alerts can be asked for; the processor evaluates them itself.

        Raises:
            Unavailable: no processor answers.
        """
        self._api.get("/api/v1/alerts")

    def add_rule(self, rule: AlertRule) -> None:
        """Set *rule*, new or changed; it is judged from the next round on.

        Raises:
            ApiRefused: it cannot be obeyed, or the settings give a rule of that name.
            Unavailable: no processor answers.
        """
        body = {
            "condition": rule.condition,
            "severity": rule.severity,
            "duration": rule.duration,
            "channels": list(rule.channels),
        }
        self._api.send("PUT", self._rule(rule.name), body)

    def remove_rule(self, name: str) -> None:
        """Remove a rule; what it had begun ends.

        Raises:
            ApiRefused: there is none of that name, or the settings give it.
            Unavailable: no processor answers.
        """
        self._api.send("DELETE", self._rule(name))

    def test_rule(self, name: str) -> bool:
        """Tell whether the condition of a rule holds now, for any model.

        Raises:
            ApiRefused: there is no such rule.
            Unavailable: no processor answers.
        """
        path = f"/api/v1/rules/{quote(name, safe='')}/explain"
        return any(one["result"] == "true" for one in self._api.get(path)["outcomes"])

    def get_active_alerts(self) -> list[Alert]:
        """Return what is pending or firing, the oldest first.

        Raises:
            Unavailable: no processor answers.
        """
        names = Alert.__dataclass_fields__
        return [
            Alert(**{name: one[name] for name in names})
            for one in self._api.get("/api/v1/alerts")
        ]

    def trigger_alert(self, name: str, payload: Mapping[str, Any]) -> str:
        """Open an incident of the rule *name* by hand; return its id.

        *payload* says what it is about: `model`, `version`, `site`, `subgroup`. It is
        told and escalates like any other, and lasts until somebody resolves it.

        Raises:
            ApiRefused: there is no such rule, or *payload* holds anything else.
            Unavailable: no processor answers.
        """
        body = {"rule": name, "by": getpass.getuser(), **payload}
        return str(self._api.send("POST", "/api/v1/alerts", body)["incident_id"])

    def _rule(self, name: str) -> str:
        by = quote(getpass.getuser(), safe="")
        return f"/api/v1/rules/{quote(name, safe='')}?by={by}"


class NotificationSystem:
    """The channels of the processor that *config* names."""

    def __init__(self, config: MonitoringConfig) -> None:
        """Bind to the processor.

        Raises:
            ConfigError: `processor.api` is no URL of HTTP.
        """
        self._api = Api(config)

    def test_channel(self, name: str) -> list[dict[str, Any]]:
        """Send a real test message by a channel; return what became of it, by target.

        Raises:
            ApiRefused: there is no such channel.
            Unavailable: no processor answers.
        """
        path = f"/api/v1/channels/{quote(name, safe='')}/test"
        found: list[dict[str, Any]] = self._api.send("POST", path)
        return found


class EmailNotifier:
    """Mails by one server, over STARTTLS or not at all."""

    def __init__(
        self,
        smtp_server: str,
        smtp_port: int = 587,
        username: str = "",
        password_env_var: str = "",
        sender: str = "",
        to: Sequence[str] = (),
    ) -> None:
        """Name the server; the password is read from its variable when it is used."""
        self._server = (smtp_server, smtp_port)
        self._username = username
        self._password_env_var = password_env_var
        self._sender = sender or username
        self._to = tuple(to) or (username,)

    def send(self, alert: Alert) -> None:
        """Mail *alert*.

        Raises:
            ConfigError: the password is not set.
            Unavailable: the server took no mail, or offers no encryption.
        """
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, ", ".join(self._to)
        mail["Subject"] = alert.line()
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(f"{alert.line()}\nIncident {alert.incident_id}\n")
        try:
            with smtplib.SMTP(*self._server, timeout=_SECONDS) as server:
                server.starttls(context=ssl.create_default_context())
                if self._username and self._password_env_var:
                    server.login(self._username, _secret(self._password_env_var))
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise _undelivered("the mail server", error) from None


class SlackNotifier:
    """Posts to an incoming webhook of Slack."""

    def __init__(self, webhook_url_env_var: str, channel: str = "") -> None:
        """Name the variable with the URL; *channel* is for webhooks that obey it."""
        self._variable = webhook_url_env_var
        self._channel = channel

    def send(self, alert: Alert) -> None:
        """Post *alert*.

        Raises:
            ConfigError: the URL is not set, or is none.
            Unavailable: Slack did not take it.
        """
        text = alert.line()
        for mark, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(mark, written)
        body = {"text": text} | ({"channel": self._channel} if self._channel else {})
        if _post(_secret(self._variable), body, "Slack").strip() != b"ok":
            raise _undelivered("Slack", ValueError())


class PagerDutyNotifier:
    """Sends events to PagerDuty; `dedup_key` is the incident."""

    def __init__(self, integration_key_env_var: str, url: str = _PAGERDUTY) -> None:
        """Name the variable with the integration key."""
        self._variable = integration_key_env_var
        self._url = url

    def send(self, alert: Alert, action: str = "trigger") -> None:
        """Send *alert* as `trigger`, `acknowledge` or `resolve`.

        Raises:
            ConfigError: the key is not set.
            Unavailable: PagerDuty did not take it.
        """
        body: dict[str, object] = {
            "routing_key": _secret(self._variable),
            "event_action": action,
            "dedup_key": alert.incident_id,
        }
        if action == "trigger":
            body["payload"] = {
                "summary": alert.line()[:1024],
                "source": alert.model or "algovigil",
                "severity": alert.severity,
            }
        _post(self._url, body, "PagerDuty")


def _secret(variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        raise ConfigError(explain(f"{variable} is not set", "the secret in it"))
    return value


def _post(url: str, body: object, who: str) -> bytes:
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(explain(f"the address of {who}", "a URL of http(s)"))
    request = urllib.request.Request(  # noqa: S310 # the scheme is checked above
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 # as above
            taken: bytes = answer.read(1024)
            return taken
    except OSError as error:
        raise _undelivered(who, error) from None


def _undelivered(who: str, error: Exception) -> Unavailable:
    # the text of an error may hold the address, and that is a secret
    status = f", {error.code}" if isinstance(error, urllib.error.HTTPError) else ""
    return Unavailable(
        explain(f"{who} took no message ({type(error).__name__}{status})", "a yes")
    )
