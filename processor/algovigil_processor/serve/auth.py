"""Who may talk to the SQL and API ports.

Without a token a port is open to this machine only, and only to requests that name it
by a loopback name: a web page that has its own host name resolve to 127.0.0.1 (DNS
rebinding) is refused. With a token every request carries it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from algovigil.errors import explain
from algovigil_processor.errors import StartError
from algovigil_processor.serve.wire import Refused, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

TOKEN: Final = "ALGOVIGIL_TOKEN"  # noqa: S105 # the name of the variable, not its value


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """What a port asks of a request: the token, '' where only this machine reaches."""

    token: str = ""


def access(host: str, what: str, environ: Mapping[str, str]) -> Access:
    """Return the access of the port *what* that listens on *host*.

    Raises:
        StartError: others than this machine would reach it, and no token is set.
    """
    token = environ.get(TOKEN, "")
    if not token and not _loopback(host):
        raise StartError(
            explain(
                f"the {what} port on `{host}` and no {TOKEN}",
                "a loopback address, or a token that every request must carry",
                f"set {TOKEN}, or listen on 127.0.0.1",
            )
        )
    return Access(token)


def _loopback(host: str) -> bool:
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware that answers what `Access` does not let through."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        answer: Callable[[Refused], Response],
        open_paths: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._access = access
        self._answer = answer
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        error = self._check(Headers(scope=scope), scope["path"])
        if error is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(error)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    def _check(self, headers: Headers, path: str) -> Refused | None:
        host = headers.get("host", "")
        origin = headers.get("origin")
        if not self._access.token and not _loopback(_hostname(host)):
            return refused(
                "ACCESS_DENIED",
                explain(
                    "a foreign Host header", "localhost or a loopback address", TOKEN
                ),
            )
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return refused(
                "ACCESS_DENIED", explain("a foreign Origin header", "our own, or none")
            )
        if not self._access.token or path in self._open_paths:
            return None
        return self._check_token(headers)

    def _check_token(self, headers: Headers) -> Refused | None:
        given = _token(headers)
        if given is None:
            return refused(
                "REQUIRED_PASSWORD",
                explain("no token", "the token as Bearer or as the Basic password"),
            )
        if hmac.compare_digest(given.encode(), self._access.token.encode()):
            return None
        return refused(
            "AUTHENTICATION_FAILED", explain("another token", f"the one in {TOKEN}")
        )


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _token(headers: Headers) -> str | None:
    key = headers.get("x-clickhouse-key")
    if key is not None:
        return key
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return None
