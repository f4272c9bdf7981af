"""Real receivers on loopback, which can be told to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import socket
import ssl
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, AuthResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

CERTIFICATE = Path(__file__).parent / "loopback.pem"  # its key is public: tests only

Action = int | tuple[int, dict[str, str]] | str


def _server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@dataclass(frozen=True, slots=True)
class Post:
    """One request as it arrived."""

    headers: dict[str, str]
    body: bytes


class Hook:
    """A web hook receiver; each request takes the next action of `script`, or 200.

    An action is a status, a status with headers, or `hang`, `reset`, `half` (an
    answer cut in its head), `drip` (an answer whose body never ends) and `mute` (a 200
    that does not say what `says` has to say). `taken` are the posts whose success was
    answered to the end; once the script is over, `otherwise` chooses.
    """

    def __init__(self, *, tls: bool = False, says: bytes = b"") -> None:
        self.posts: list[Post] = []
        self.taken: list[tuple[float, Post]] = []
        self.otherwise: Callable[[], Action] = lambda: 200
        self._says = says
        self.script: deque[Action] = deque()
        self.on_post: Callable[[], None] = lambda: None
        self._over = threading.Event()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                body = self.rfile.read(size)
                if len(body) < size:
                    return  # its sender died in mid-request
                names = {name.lower(): value for name, value in self.headers.items()}
                post = Post(names, body)
                hook.posts.append(post)
                hook.on_post()
                action = hook.script.popleft() if hook.script else hook.otherwise()
                with contextlib.suppress(OSError):
                    hook._act(self, action)
                    if isinstance(action, int) and action < 300:
                        hook.taken.append((time.time(), post))

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = _server_tls().wrap_socket(
                self._server.socket, server_side=True
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        host = "localhost" if tls else "127.0.0.1"
        port = self._server.server_port
        self.url = f"http{'s' if tls else ''}://{host}:{port}/s3cret-path"

    def _act(self, request: http.server.BaseHTTPRequestHandler, action: Action) -> None:
        if action == "hang":
            self._over.wait(30)
        elif action == "reset":
            linger = struct.pack("ii", 1, 0)
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.connection.close()
        elif action == "half":
            request.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-le")
        elif action == "drip":
            request.send_response(200)
            request.end_headers()
            while not self._over.wait(0.05):
                request.wfile.write(b".")
        else:
            says = b"no_text" if action == "mute" else self._says
            status, headers = action if isinstance(action, tuple) else (action, {})
            status = 200 if action == "mute" else status
            assert isinstance(status, int)
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.send_header("content-length", str(len(says)))
            request.end_headers()
            request.wfile.write(says)

    def close(self) -> None:
        """Stop listening, and let go of what hangs."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Mailbox:
    """A mail server; `answers` maps a recipient to what RCPT is answered."""

    def __init__(
        self, *, implicit: bool = False, starttls: bool = False, password: str = ""
    ) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.answers: dict[str, str] = {}
        self.data_answers: deque[str] = deque()
        self.otherwise: Callable[[], str] = lambda: "250 OK"
        self.times: list[float] = []
        self.logins: list[bytes] = []
        options: dict[str, Any] = {"hostname": "mx.test", "timeout": 5}
        if starttls:
            options |= {"tls_context": _server_tls(), "require_starttls": True}
        if password:
            options |= {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": starttls,
            }
        self._password = password.encode()
        self._options = options
        self._tls = _server_tls() if implicit else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            self._listen(), self._loop
        ).result(5)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: SMTP(self, loop=self._loop, **self._options),
            "127.0.0.1",
            0,
            ssl=self._tls,
        )

    def _authenticate(
        self, _s: object, _n: object, _e: object, _m: object, login: Any
    ) -> AuthResult:
        self.logins.append(login.login)
        return AuthResult(success=login.password == self._password, handled=False)

    async def handle_RCPT(
        self, _server: object, _session: object, envelope: Any, address: str, _: object
    ) -> str:
        """Answer RCPT TO."""
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(
        self, _server: object, _session: object, envelope: Any
    ) -> str:
        """Take a mail, or answer what `data_answers` says next."""
        answers = self.data_answers
        answer = answers.popleft() if answers else self.otherwise()
        if answer == "hang":
            await asyncio.sleep(30)
        if answer.startswith("250"):
            mail = message_from_bytes(envelope.original_content, policy=policy.default)
            self.mails += [(to, mail) for to in envelope.rcpt_tos]
            self.times += [time.time() for _ in envelope.rcpt_tos]
        return answer

    def close(self) -> None:
        """Stop, with whatever is connected."""

        async def end() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
