"""Send messages by SMTP, encrypted or not at all.

STARTTLS that the server does not offer is an error, never clear text; `tls: none` is
for a server on this very machine. One mail goes to one recipient, so that a refused
address keeps nobody else from being told, and no attempt repeats one that arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import TYPE_CHECKING, Final

import aiosmtplib

from algovigil.errors import ConfigError, explain
from algovigil_processor.alert.deliver import Result, from_environment, terms
from algovigil_processor.alert.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.config import Channel

_POLICY: Final = SMTP_POLICY.clone(cte_type="7bit")  # not every server is 8-bit clean
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+\Z")


class Email:
    """A channel of type `email`."""

    kind: Final = "email"

    def __init__(self, name: str, channel: Channel, _networks: Sequence[str]) -> None:
        """Check the settings of the channel *name*.

        Raises:
            ConfigError: server, sender or recipients are missing or unfit, or clear
                text would leave this machine.
        """
        _check(name, channel)
        self.targets: Final = tuple(dict.fromkeys(channel.to))
        self._channel: Final = channel
        self._password: str | None = None
        if channel.password_env_var:
            self._password = from_environment(
                channel.password_env_var, f"channel {name!r}: password_env_var"
            )
        self._tls: Final = ssl.create_default_context()
        # a mail that says who took an alert on is one more to read, and no help
        self.terms: Final = terms(channel, 120, 20, hears_acknowledgements=False)

    async def send(
        self, delivery_id: str, body: str, target: str, now_ns: int
    ) -> Result:
        """Try once. Never raises for what the network or the receiver does."""
        try:
            message = Message.of(body)
        except (ValueError, KeyError, TypeError, AttributeError):
            return Result("unreadable")
        mail = self._mail(message, delivery_id, target)
        client = self._client()
        try:
            async with asyncio.timeout(self._channel.timeout):
                await client.connect()
                await client.sendmail(self._channel.sender, [target], mail.as_bytes())
        except Exception as error:
            client.close()
            return judge(error)
        await _part(client)
        return Result("sent", 250)

    def _client(self) -> aiosmtplib.SMTP:
        channel = self._channel
        return aiosmtplib.SMTP(
            hostname=channel.smtp_server,
            port=channel.smtp_port,
            username=channel.username or None,
            password=self._password,
            timeout=channel.timeout,
            use_tls=channel.tls == "implicit",
            start_tls=channel.tls == "starttls",
            tls_context=None if channel.tls == "none" else self._tls,
        )

    def _mail(self, message: Message, delivery_id: str, target: str) -> EmailMessage:
        domain = self._channel.sender.rpartition("@")[2]
        mail = EmailMessage(policy=_POLICY)
        mail["From"] = self._channel.sender
        mail["To"] = target
        mail["Subject"] = message.headline()
        mail["Date"] = datetime.fromtimestamp(message.at_ns // 10**9, UTC)
        mail["Message-ID"] = f"<{delivery_id}@{domain}>"
        if message.group_id:
            mail["References"] = f"<{message.group_id}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5
        mail.set_content(message.text())
        return mail


async def _part(client: aiosmtplib.SMTP) -> None:
    """Say goodbye to a server that took the mail, whatever comes of it."""
    with contextlib.suppress(aiosmtplib.SMTPException, TimeoutError, OSError):
        async with asyncio.timeout(1.0):
            await client.quit()
    client.close()


def judge(error: Exception) -> Result:
    """Return what *error* means: 4yz is for now, 5yz for good (RFC 5321, 4.2.1)."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        lasting = 500 <= error.code < 600
        # aiosmtplib has a code of -1 for an answer cut short
        code = max(error.code, 0)
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            return Result("auth_error", code, may_retry=not lasting)
        return Result("refused" if lasting else "deferred", code, may_retry=not lasting)
    if isinstance(error, TimeoutError):
        return Result("timeout", may_retry=True)
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return Result("tls_error", may_retry=True)
    if isinstance(error, OSError):
        return Result("network_error", may_retry=True)
    if isinstance(error, aiosmtplib.SMTPException):
        # a server without STARTTLS or AUTH: it, or somebody in between, took it away
        return Result("tls_error", may_retry=True)
    raise error


def _check(name: str, channel: Channel) -> None:
    def refuse(found: str, expected: str, hint: str = "") -> ConfigError:
        return ConfigError(explain(f"channel {name!r}: {found}", expected, hint))

    if not channel.smtp_server:
        raise refuse("no `smtp_server`", "the name of a mail server")
    if not channel.to:
        raise refuse("no recipient", "`to: [name@host]`")
    for address in (channel.sender, *channel.to):
        if not _ADDRESS.match(address):
            raise refuse(f"address {address!r}", "`name@host`, as `sender` and in `to`")
    if bool(channel.username) != bool(channel.password_env_var):
        raise refuse(
            "one of `username` and `password_env_var`", "both of them, or neither"
        )
    if channel.tls == "none" and not _is_loopback(channel.smtp_server):
        raise refuse(
            "`tls: none` to another machine",
            "`starttls` or `implicit`",
            "alerts never travel in clear text",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
