"""Send events to PagerDuty: trigger, acknowledge, resolve.

`dedup_key` is that of the group, from its first message to its last, so an event that
is sent again changes nothing; and events of one key are sent in order, none left out.

Source: PagerDuty Events API v2, https://developer.pagerduty.com/docs/events-api-v2.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.deliver import Result, from_environment, terms
from algovigil_processor.alert.deliver.http import Poster, judge, web_address
from algovigil_processor.alert.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.config import Channel

_URL: Final = "https://events.pagerduty.com/v2/enqueue"
_MOST_SUMMARY: Final = 1024
_ACTIONS: Final = {
    "firing": "trigger",
    "test": "trigger",
    "acknowledged": "acknowledge",
    "resolved": "resolve",
}


class PagerDuty:
    """A channel of type `pagerduty`."""

    kind: Final = "pagerduty"
    targets: Final = ("",)

    def __init__(self, name: str, channel: Channel, networks: Sequence[str]) -> None:
        """Check the settings of the channel *name*.

        Raises:
            ConfigError: there is no integration key, or the URL is unfit.
        """
        url = web_address(name, channel, _URL)
        if not channel.secret_env_var:
            raise ConfigError(
                explain(
                    f"channel {name!r} has no integration key",
                    "`secret_env_var: PAGERDUTY_INTEGRATION_KEY`",
                )
            )
        where = f"channel {name!r}: secret_env_var"
        self._key: Final = from_environment(channel.secret_env_var, where)
        self._poster: Final = Poster(url, channel.timeout, networks, channel.proxy)
        self.terms: Final = terms(channel, 600, 50, supersedes=False)

    async def send(
        self, delivery_id: str, body: str, target: str, now_ns: int
    ) -> Result:
        """Try once. Never raises for what the network or the receiver does."""
        try:
            message = Message.of(body)
        except (ValueError, KeyError, TypeError, AttributeError):
            return Result("unreadable")
        raw = json.dumps(event(message, self._key, delivery_id)).encode()
        headers = {"content-type": "application/json", "user-agent": "algovigil"}
        answer = await self._poster.post(raw, headers)
        if isinstance(answer, Result):
            return answer
        return judge(answer.code, answer.retry_after, now_ns // 10**9)


def event(message: Message, key: str, delivery_id: str) -> dict[str, object]:
    """Return *message* as an event; a test has a key of its own and ends with it."""
    action = _ACTIONS[message.event]
    whole: dict[str, object] = {
        "routing_key": key,
        "event_action": action,
        "dedup_key": message.group_id or delivery_id,
    }
    if action == "trigger":
        first = message.items[0] if message.items else None
        whole |= {
            "client": "Algovigil",
            "payload": {
                "summary": message.headline()[:_MOST_SUMMARY],
                "source": dict(message.labels).get("model") or "algovigil",
                "severity": message.severity,
                "timestamp": json.loads(message.body())["timestamp"],
                "class": first.rule if first else "test",
                "custom_details": json.loads(message.body())["data"],
            },
        }
        if message.link:
            whole["links"] = [{"href": message.link, "text": "Open in Algovigil"}]
    return whole
