"""Post messages to a web hook, signed as Standard Webhooks 1.0 says.

`webhook-id` is the same for every attempt of one delivery: its receiver's idempotency
key. Source: https://github.com/standard-webhooks/standard-webhooks, spec 1.0.0.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.deliver import Result, from_environment, terms
from algovigil_processor.alert.deliver.http import Poster, judge, web_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.config import Channel

_PREFIX: Final = "whsec_"
_LEAST_KEY_BYTES: Final = 24  # the specification: 24 to 64


class Webhook:
    """A channel of type `webhook`."""

    kind: Final = "webhook"
    targets: Final = ("",)

    def __init__(self, name: str, channel: Channel, networks: Sequence[str]) -> None:
        """Check the settings of the channel *name*.

        Raises:
            ConfigError: there is no URL of http(s), or the secret is unfit.
        """
        url = web_address(name, channel)
        self._key: Final = _key(name, channel)
        self._poster: Final = Poster(url, channel.timeout, networks, channel.proxy)
        self.terms: Final = terms(channel, 600, 50)

    async def send(
        self, delivery_id: str, body: str, target: str, now_ns: int
    ) -> Result:
        """Try once. Never raises for what the network or the receiver does."""
        raw = body.encode()
        at = now_ns // 1_000_000_000
        answer = await self._poster.post(raw, self._headers(delivery_id, raw, at))
        if isinstance(answer, Result):
            return answer
        return judge(answer.code, answer.retry_after, at)

    def _headers(self, delivery_id: str, raw: bytes, at: int) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "user-agent": "algovigil",
            "webhook-id": delivery_id,
            "webhook-timestamp": str(at),
        }
        if self._key:
            headers["webhook-signature"] = sign(self._key, delivery_id, at, raw)
        return headers


def sign(key: bytes, delivery_id: str, at: int, raw: bytes) -> str:
    """Return the `v1` signature of *raw* (spec, "Signature scheme")."""
    content = f"{delivery_id}.{at}.".encode() + raw
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _key(name: str, channel: Channel) -> bytes:
    if not channel.secret_env_var:
        return b""
    secret = from_environment(
        channel.secret_env_var, f"channel {name!r}: secret_env_var"
    )
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _LEAST_KEY_BYTES:
        raise ConfigError(
            explain(
                f"channel {name!r}: {channel.secret_env_var} is no signing secret",
                f"`{_PREFIX}` and base64 of at least {_LEAST_KEY_BYTES} bytes",
                f'echo "{_PREFIX}$(head -c 32 /dev/urandom | base64)"',
            )
        )
    return key
