"""Addresses, sockets and the HTTP server under our own signals.

A port is bound before anything is opened, so that a taken one costs nothing; it
listens only once the processor can keep what arrives.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from algovigil.errors import explain
from algovigil_processor.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

# Grafana opens 50 connections at once and clients come in waves.
_BACKLOG: Final = 512


@dataclass(frozen=True, slots=True)
class Address:
    """`host:port`; port 0 takes any that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, option: str) -> Address:
        """Read `H:P`.

        Raises:
            StartError: *text* is something else; the message names *option*.
        """
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise StartError(
                explain(
                    f"{option} {text!r}",
                    "HOST:PORT with a port from 0 to 65535",
                    f"{option} 127.0.0.1:0 takes any free port",
                )
            )
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def bind(address: Address, option: str) -> socket.socket:
    """Return a bound socket that does not listen yet.

    Raises:
        StartError: the port is taken, or the host is not this machine's.
    """
    try:
        family = socket.getaddrinfo(address.host, address.port)[0][0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address.host, address.port))
    except OSError as error:
        raise StartError(
            explain(
                f"the address {address} cannot be bound: {error.strerror}",
                "a free port of this machine",
                f"stop what listens there, or choose another with {option}",
            )
        ) from None
    return sock


class HttpServer(uvicorn.Server):
    """One ASGI application on one bound socket; signals stay the caller's."""

    def __init__(self, app: Callable[..., Any], sock: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                backlog=_BACKLOG,
                server_header=False,
                timeout_graceful_shutdown=3,
            )
        )
        self._socket = sock
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone."""
        yield

    async def begin(self) -> int:
        """Listen; return the port."""
        self._task = asyncio.create_task(self.serve(sockets=[self._socket]))
        while not self.started:
            if self._task.done():
                self._task.result()
            await asyncio.sleep(0.005)
        return int(self._socket.getsockname()[1])

    async def end(self) -> None:
        """Let requests in work finish, then close."""
        self.should_exit = True
        if self._task is not None:
            await self._task
