"""Post messages to a web hook, signed as Standard Webhooks 1.0 says.

One POST, no redirects, one deadline for all of it; the URL, which may hold a secret,
is in no message or log. `webhook-id` is the same for every attempt of one delivery.

Source: https://github.com/standard-webhooks/standard-webhooks, spec 1.0.0.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import email.utils
import hashlib
import hmac
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.deliver import Result, from_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil.config import Channel
    from algovigil_processor.alert.deliver import Outcome

_PREFIX: Final = "whsec_"
_LEAST_KEY_BYTES: Final = 24  # the specification: 24 to 64
_RETRY: Final[Mapping[int, Outcome]] = {408: "timeout", 429: "rate_limited"}
_DENIED: Final = (401, 403, 407)


class Webhook:
    """A channel of type `webhook`."""

    kind: Final = "webhook"
    targets: Final = ("",)

    def __init__(self, name: str, channel: Channel) -> None:
        """Check the settings of the channel *name*.

        Raises:
            ConfigError: there is no URL of http(s), or the secret is unfit.
        """
        self._url: Final = _url(name, channel)
        self._key: Final = _key(name, channel)
        self._timeout: Final = channel.timeout
        self._tls: Final = ssl.create_default_context()

    async def send(
        self, delivery_id: str, body: str, target: str, now_ns: int
    ) -> Result:
        """Try once. Never raises for what the network or the receiver does."""
        raw = body.encode()
        at = now_ns // 1_000_000_000
        # once the receiver has answered, nothing that follows changes the answer
        answer: Result | None = None
        try:
            async with (
                asyncio.timeout(self._timeout),
                httpx.AsyncClient(
                    verify=self._tls, timeout=self._timeout, follow_redirects=False
                ) as client,
                # streamed: an endless answer costs us its head only
                client.stream(
                    "POST",
                    self._url,
                    content=raw,
                    headers=self._headers(delivery_id, raw, at),
                ) as reply,
            ):
                answer = judge(reply.status_code, reply.headers.get("retry-after"), at)
        except (TimeoutError, httpx.TimeoutException):
            return answer or Result("timeout", may_retry=True)
        except httpx.HTTPError as error:
            outcome: Outcome = "tls_error" if _is_tls(error) else "network_error"
            return answer or Result(outcome, may_retry=True)
        return answer

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


def judge(code: int, retry_after: str | None, at: int) -> Result:
    """Return what the answer *code*, received at Unix second *at*, means."""
    if 200 <= code < 300:
        return Result("sent", code)
    if code >= 500 or code in _RETRY:
        outcome = _RETRY.get(code, "server_error")
        wish = None if retry_after is None else _seconds(retry_after, at)
        return Result(outcome, code, may_retry=True, retry_after=wish)
    if code in _DENIED:
        return Result("auth_error", code)
    return Result("client_error" if code >= 400 else "redirect", code)


def _seconds(retry_after: str, at: int) -> float | None:
    """Return a Retry-After, seconds or a date, in seconds (RFC 9110, 10.2.3)."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        until = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(until.timestamp() - at, 0.0)


def _is_tls(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None


def _url(name: str, channel: Channel) -> str:
    url = channel.url
    if channel.url_env_var:
        url = from_environment(channel.url_env_var, f"channel {name!r}: url_env_var")
    try:
        parts = urlsplit(url)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname)
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        fit = False
    if not fit:
        raise ConfigError(
            explain(
                f"channel {name!r} has no web address",
                "`url: https://host/path`, or `url_env_var` with its variable",
            )
        )
    return url


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
