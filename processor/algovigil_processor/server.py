"""The HTTP server of a port: uvicorn on a socket of ours, signals left alone."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import uvicorn

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator

# Grafana opens 50 connections at once and clients come in waves.
_BACKLOG: Final = 512


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
