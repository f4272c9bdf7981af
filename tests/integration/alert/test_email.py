"""Mail: encrypted or refused, one recipient each, the same Message-ID each time."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from algovigil.config import Channel
from integration.alert.owing import INCIDENT, Owing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from integration.alert.receivers import Mailbox

ANNA, BEN = "anna@clinic.test", "ben@clinic.test"


def mail(port: int, **more: Any) -> Channel:
    """A channel to the server at *port*, in clear text on loopback."""
    options = {
        "smtp_server": "localhost",
        "smtp_port": port,
        "sender": "watch@clinic.test",
        "to": (ANNA, BEN),
        "tls": "none",
        "timeout": 5.0,
    }
    return Channel("email", **options | more)


@pytest.fixture
def owe(tmp_path: Path) -> Iterator[Callable[[Channel], Owing]]:
    """Open alerting that owes one message to each recipient of a channel."""
    opened: list[Owing] = []

    def begin(channel: Channel) -> Owing:
        opened.append(Owing(tmp_path, {"mail": channel}))
        opened[-1].owe()
        return opened[-1]

    yield begin
    for owing in opened:
        owing.state.close()


def test_each_recipient_gets_a_mail(
    owe: Callable[[Channel], Owing], mailbox: Callable[..., Mailbox]
) -> None:
    """Everybody gets one, in plain words, marked as automatic and threaded."""
    box = mailbox()
    owing = owe(mail(box.port))
    assert owing.deliver() == 2
    assert owing.deliver(after=86_400) == 0
    assert sorted(to for to, _ in box.mails) == [ANNA, BEN]
    for to, got in box.mails:
        assert got["To"] == to
        assert got["Subject"] == "FIRING critical: Slow on wdbc 1"
        assert got["References"] == f"<{INCIDENT}@clinic.test>"
        assert got["Auto-Submitted"] == "auto-generated"
        assert "latency_p95: 2500 ms" in got.get_content()
    assert len({got["Message-ID"] for _, got in box.mails}) == 2


def test_one_bad_recipient_keeps_nobody_else_from_being_told(
    owe: Callable[[Channel], Owing], mailbox: Callable[..., Mailbox]
) -> None:
    """5yz for one address is a dead letter for it alone."""
    box = mailbox()
    box.answers[ANNA] = "550 no such user"
    owing = owe(mail(box.port))
    assert owing.deliver() == 1
    assert owing.deliver(after=86_400) == 0
    assert [to for to, _ in box.mails] == [BEN]
    assert owing.outbox() == [("dead", 1), ("sent", 1)]
    assert sorted(owing.attempts()) == [("refused", 550), ("sent", 250)]


def test_greylisting_is_waited_out(
    owe: Callable[[Channel], Owing], mailbox: Callable[..., Mailbox]
) -> None:
    """4yz is tried again, under the same Message-ID, for that recipient alone."""
    box = mailbox()
    box.answers[ANNA] = "451 try later"
    owing = owe(mail(box.port))
    assert owing.deliver() == 1
    box.answers.clear()
    assert owing.deliver(after=60) == 1
    assert [to for to, _ in box.mails] == [BEN, ANNA]


def test_attempts_carry_one_message_id(
    owe: Callable[[Channel], Owing], mailbox: Callable[..., Mailbox]
) -> None:
    """A mail that was taken without our knowing comes again under the same id."""
    box = mailbox()
    owing = owe(mail(box.port, to=(ANNA,)))
    owing.deliver()
    with owing.state.write() as db:  # as a kill before the commit leaves it
        db.exec_driver_sql("UPDATE alert_outbox SET state = 'waiting', attempts = 0")
    owing.deliver(after=60)
    first, second = (got for _, got in box.mails)
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("554 refused", ("refused", 554)),
        ("452 full", ("deferred", 452)),
        ("hang", ("timeout", 0)),
    ],
)
def test_answers_to_the_mail_itself(
    owe: Callable[[Channel], Owing],
    mailbox: Callable[..., Mailbox],
    answer: str,
    outcome: tuple[str, int],
) -> None:
    """What the server says after the mail counts for the mail."""
    box = mailbox()
    box.data_answers.append(answer)
    owing = owe(mail(box.port, to=(ANNA,), timeout=0.5))
    assert owing.deliver() == 0
    assert owing.attempts() == [outcome]
    assert owing.outbox()[0][0] == ("dead" if answer.startswith("5") else "waiting")


@pytest.mark.usefixtures("trusted")
@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # aiosmtpd knows STARTTLS only
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_encrypted_with_login(
    owe: Callable[[Channel], Owing],
    mailbox: Callable[..., Mailbox],
    monkeypatch: pytest.MonkeyPatch,
    tls: str,
) -> None:
    """STARTTLS and implicit TLS both work, with a login over them."""
    monkeypatch.setenv("EMAIL_PASSWORD", "correct horse")
    box = mailbox(**{tls: True}, password="correct horse")
    login = {"username": "watch", "password_env_var": "EMAIL_PASSWORD"}
    owing = owe(mail(box.port, tls=tls, **login))
    assert owing.deliver() == 2
    assert box.logins == [b"watch", b"watch"]


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_an_error_of_its_own(
    owe: Callable[[Channel], Owing],
    mailbox: Callable[..., Mailbox],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refused login is told apart from a refused mail."""
    monkeypatch.setenv("EMAIL_PASSWORD", "wrong")
    box = mailbox(starttls=True, password="right")
    login = {"username": "watch", "password_env_var": "EMAIL_PASSWORD"}
    owing = owe(mail(box.port, tls="starttls", to=(ANNA,), **login))
    assert owing.deliver() == 0
    assert owing.attempts() == [("auth_error", 535)]


def test_no_starttls_no_mail(
    owe: Callable[[Channel], Owing], mailbox: Callable[..., Mailbox]
) -> None:
    """A server that offers no STARTTLS gets not one word in clear text."""
    box = mailbox()
    owing = owe(mail(box.port, tls="starttls", to=(ANNA,)))
    assert owing.deliver() == 0
    assert owing.attempts() == [("tls_error", 0)]
    assert box.mails == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_untrusted_certificates_are_refused(
    owe: Callable[[Channel], Owing], mailbox: Callable[..., Mailbox], tls: str
) -> None:
    """A server whose certificate nobody vouches for gets nothing."""
    box = mailbox(**{tls: True})
    owing = owe(mail(box.port, tls=tls, to=(ANNA,)))
    assert owing.deliver() == 0
    assert owing.attempts() == [("tls_error", 0)]
    assert box.mails == []


def test_nobody_listens(owe: Callable[[Channel], Owing]) -> None:
    """A server that is down is waited for."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        owing = owe(mail(taken.getsockname()[1], to=(ANNA,)))
        assert owing.deliver() == 0
    assert owing.attempts() == [("network_error", 0)]
    assert owing.outbox() == [("waiting", 1)]


@pytest.mark.parametrize(
    ("greeting", "outcome"),
    [
        (b"554 go away\r\n", ("refused", 554)),
        (b"421 busy\r\n", ("deferred", 421)),
        (b"", ("network_error", 0)),
    ],
)
def test_greetings(
    owe: Callable[[Channel], Owing], greeting: bytes, outcome: tuple[str, int]
) -> None:
    """A server that turns us away at the door is judged by its code."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            connection.sendall(greeting)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        owing = owe(mail(server.getsockname()[1], to=(ANNA,)))
        assert owing.deliver() == 0
        thread.join()
    assert owing.attempts() == [outcome]
