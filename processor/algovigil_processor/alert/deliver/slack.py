"""Post messages to an incoming webhook of Slack.

Slack takes a message when it answers 200 with the body `ok`. It knows no idempotency
key: what is sent again after a kill is shown twice. More than one message a second is
answered 429, and ignoring that can cost the webhook, so `Retry-After` is obeyed.

Source: https://api.slack.com/messaging/webhooks, https://api.slack.com/apis/rate-limits;
limits of blocks as in `slack_sdk.models.blocks`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from algovigil_processor.alert.deliver import Result, terms
from algovigil_processor.alert.deliver.http import Poster, judge, web_address
from algovigil_processor.alert.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.config import Channel

_MOST_HEADER: Final = 150
_MOST_TEXT: Final = 3000


class Slack:
    """A channel of type `slack`."""

    kind: Final = "slack"
    targets: Final = ("",)

    def __init__(self, name: str, channel: Channel, networks: Sequence[str]) -> None:
        """Check the settings of the channel *name*.

        Raises:
            ConfigError: there is no URL of http(s).
        """
        url = web_address(name, channel)
        self._poster: Final = Poster(url, channel.timeout, networks, channel.proxy)
        self.terms: Final = terms(channel, 60, 3)

    async def send(
        self, delivery_id: str, body: str, target: str, now_ns: int
    ) -> Result:
        """Try once. Never raises for what the network or the receiver does."""
        try:
            raw = json.dumps(payload(Message.of(body))).encode()
        except (ValueError, KeyError, TypeError, AttributeError):
            return Result("unreadable")
        headers = {"content-type": "application/json", "user-agent": "algovigil"}
        answer = await self._poster.post(raw, headers, read=True)
        if isinstance(answer, Result):
            return answer
        if answer.code == 200 and answer.start.strip() != b"ok":
            return Result("not_taken", 200, may_retry=True)
        return judge(answer.code, answer.retry_after, now_ns // 10**9)


def payload(message: Message) -> dict[str, object]:
    """Return *message* as Slack shows it: a header, then a block an incident."""
    headline = message.headline()
    texts = ["\n".join(item.lines()) for item in message.items]
    if message.more:
        texts.append(f"and {message.more} more")
    if message.link:
        texts.append(message.link)
    header = {"type": "plain_text", "text": headline[:_MOST_HEADER]}
    return {
        "text": escape(headline),
        "blocks": [
            {"type": "header", "text": header},
            *(_section(text) for text in texts),
        ],
    }


def _section(text: str) -> dict[str, object]:
    # no markup in it: escaped, a name can mention nobody
    said = {"type": "mrkdwn", "text": escape(text)[:_MOST_TEXT], "verbatim": True}
    return {"type": "section", "text": said}


def escape(text: str) -> str:
    """Return *text* with Slack's three marks escaped, so that it is only text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
