"""A webhook receiver and an SMTP server on loopback, for the demo's alerts.

Both keep every byte they get, since the leak check reads them.
"""

from __future__ import annotations

import asyncio
import http.server
import threading
from typing import TYPE_CHECKING

from aiosmtpd.smtp import SMTP

if TYPE_CHECKING:
    from pathlib import Path

    from aiosmtpd.smtp import Envelope


class Mailbox:
    """Messages received, each also a file of *folder*."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._messages: list[bytes] = []

    def add(self, content: bytes) -> None:
        """Keep one message."""
        with self._lock:
            self._messages.append(content)
            name = f"{len(self._messages):05d}.message"
        (self._folder / name).write_bytes(content)

    def has(self, *words: bytes) -> bool:
        """Tell whether one message holds all of *words*."""
        return any(all(w in message for w in words) for message in self.messages())

    def messages(self) -> list[bytes]:
        """Return all messages so far."""
        with self._lock:
            return list(self._messages)


class _SmtpHandler:
    def __init__(self, box: Mailbox) -> None:
        self._box = box

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: object, envelope: Envelope
    ) -> str:
        self._box.add(envelope.original_content or b"")
        return "250 kept"


class Receivers:
    """Both servers; `async with` starts and stops them."""

    def __init__(self, folder: Path) -> None:
        self.posts = Mailbox(folder / "webhook")
        self.mails = Mailbox(folder / "mail")
        box = self.posts

        class Hook(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Keep the body."""
                size = int(self.headers.get("content-length", "0"))
                box.add(bytes(self.headers) + b"\n" + self.rfile.read(size))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing on the terminal."""

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._smtp: asyncio.Server | None = None

    @property
    def webhook_url(self) -> str:
        """Where posts go."""
        return f"http://127.0.0.1:{self._http.server_port}/alerts"

    @property
    def smtp_port(self) -> int:
        """Where mails go."""
        assert self._smtp is not None
        return int(self._smtp.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Receivers:
        self._thread.start()
        handler = _SmtpHandler(self.mails)
        loop = asyncio.get_running_loop()
        self._smtp = await loop.create_server(
            lambda: SMTP(handler, hostname="localhost"), "127.0.0.1", 0
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        if self._smtp is not None:
            self._smtp.close()
