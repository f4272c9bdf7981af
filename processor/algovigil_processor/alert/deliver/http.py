"""One POST to a receiver elsewhere: bounded, not redirected, to an allowed address.

The name is resolved once and the connection goes to that very address, so that a name
that changes in between reaches nothing else. Addresses that are not of the public
Internet are refused unless the operator's networks hold them. The URL, which may hold a
secret, is in no message or log.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

import httpx

from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.deliver import Result, from_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from algovigil.config import Channel
    from algovigil_processor.alert.deliver import Outcome

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

_RETRY: Final[Mapping[int, Outcome]] = {408: "timeout", 429: "rate_limited"}
_DENIED: Final = (401, 403, 407)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052, 2.1
_READ_BYTES: Final = 1024  # of an answer, which may have no end


class Forbidden(Exception):
    """The name leads to an address that channels may not reach."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered: the status, and the first bytes of what follows."""

    code: int
    retry_after: str | None
    start: bytes


class Poster:
    """Posts to one URL."""

    def __init__(
        self, url: str, timeout: float, networks: Iterable[str], proxy: str = ""
    ) -> None:
        """Bind to *url*; *networks* are those of this house that it may be in."""
        self._url: Final = httpx.URL(url)
        self._timeout: Final = timeout
        self._networks: Final = tuple(map(ipaddress.ip_network, networks))
        self._proxy: Final = proxy or None
        self._tls: Final = ssl.create_default_context()

    async def post(
        self, raw: bytes, headers: Mapping[str, str], *, read: bool = False
    ) -> Answer | Result:
        """Post *raw* once; return the answer, or why there is none.

        Without *read* the head is the answer, whatever becomes of the body.
        """
        answer: Answer | None = None
        try:
            async with (
                asyncio.timeout(self._timeout),
                httpx.AsyncClient(
                    verify=self._tls,
                    timeout=self._timeout,
                    follow_redirects=False,
                    trust_env=False,
                    proxy=self._proxy,
                ) as client,
                # streamed: an endless answer costs us its head only
                client.stream(
                    "POST",
                    await self._address(),
                    content=raw,
                    headers={**headers, "host": self._url.netloc.decode()},
                    extensions={"sni_hostname": self._url.host},
                ) as reply,
            ):
                head = reply.status_code, reply.headers.get("retry-after")
                if not read:
                    answer = Answer(*head, b"")
                else:
                    answer = Answer(*head, await _start(reply))
        except Forbidden:
            return Result("forbidden_address")
        except (TimeoutError, httpx.TimeoutException):
            return answer or Result("timeout", may_retry=True)
        except (httpx.HTTPError, OSError) as error:
            outcome: Outcome = "tls_error" if _is_tls(error) else "network_error"
            return answer or Result(outcome, may_retry=True)
        return answer

    async def _address(self) -> httpx.URL:
        """Return the URL with the allowed address of its host in place of the name."""
        if self._proxy:
            return self._url  # the proxy resolves the name, and is the one to guard
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(
            self._url.host, port, type=socket.SOCK_STREAM
        )
        for *_, where in found:
            address = ipaddress.ip_address(str(where[0]).partition("%")[0])
            if allowed(address, self._networks):
                return self._url.copy_with(host=str(address))
        raise Forbidden


def allowed(address: Address, networks: Iterable[Network]) -> bool:
    """Tell whether a channel may reach *address*: a public one, or of *networks*."""
    address = _inner(address)
    if any(address in network for network in networks):
        return True
    return address.is_global and not address.is_multicast


def _inner(address: Address) -> Address:
    """Return the IPv4 address that *address* is another way to, or itself."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def judge(code: int, retry_after: str | None, at: int) -> Result:
    """Return what the answer *code*, received at Unix second *at*, means."""
    if 200 <= code < 300:
        return Result("sent", code)
    if code >= 500 or code in _RETRY:
        outcome = _RETRY.get(code, "server_error")
        wish = None if retry_after is None else _seconds(retry_after, at)
        return Result(outcome, code, may_retry=True, retry_after=wish)
    if 300 <= code < 400:
        return Result("redirect", code)
    return Result("auth_error" if code in _DENIED else "client_error", code)


def web_address(name: str, channel: Channel, known: str = "") -> str:
    """Return the URL of *channel*; *known* is that of its type, if there is one.

    Raises:
        ConfigError: there is none, or it is not one of http(s).
    """
    url = channel.url or known
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


def check_networks(networks: Iterable[str]) -> None:
    """Refuse what is no network.

    Raises:
        ConfigError: one of *networks* is not.
    """
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise ConfigError(
                explain(
                    f"alerts.private_networks: {network!r}", "a network: 10.0.0.0/8"
                )
            ) from None


async def _start(reply: httpx.Response) -> bytes:
    start = b""
    async for chunk in reply.aiter_raw():
        start += chunk
        if len(start) >= _READ_BYTES:
            break
    return start[:_READ_BYTES]


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
