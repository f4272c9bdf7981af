"""What an answer means, and when a delivery is tried again."""

from __future__ import annotations

import base64
import random
import ssl

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algovigil_processor.alert.deliver import Result, email, http, webhook
from algovigil_processor.alert.deliver.outbox import delay_seconds
from algovigil_processor.alert.deliver.owed import LONGEST_WISH

AT = 1_445_412_480  # Wed, 21 Oct 2015 07:28:00 GMT


@pytest.mark.parametrize(
    ("code", "outcome", "may_retry"),
    [
        (200, "sent", False),
        (202, "sent", False),
        (204, "sent", False),
        (301, "redirect", False),
        (307, "redirect", False),
        (400, "client_error", False),
        (401, "auth_error", False),
        (404, "client_error", False),
        (408, "timeout", True),
        (410, "client_error", False),
        (429, "rate_limited", True),
        (500, "server_error", True),
        (503, "server_error", True),
        (599, "server_error", True),
    ],
)
def test_http_answers(code: int, outcome: str, may_retry: bool) -> None:
    """2xx is taken; 408, 429 and 5xx are for now, every other answer for good."""
    assert http.judge(code, None, AT) == Result(outcome, code, may_retry)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    """Retry-After is read as seconds or as a date, and nonsense is no wish."""
    assert http.judge(429, header, AT).retry_after == seconds


@pytest.mark.parametrize(
    ("secret", "delivery_id", "at", "raw", "signature"),
    [
        (
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "plJ3nmyCDGBKInavdOK15jsl",
            "msg_loFOjxBNrRLzqYUf",
            1731705121,
            b'{"event_type":"ping","data":{"success":true}}',
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        ),
    ],
)
def test_signatures(
    secret: str, delivery_id: str, at: int, raw: bytes, signature: str
) -> None:
    """Signatures equal the published examples of Standard Webhooks."""
    key = base64.b64decode(secret)
    assert signature == webhook.sign(key, delivery_id, at, raw)


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (aiosmtplib.SMTPDataError(451, "greylisted"), Result("deferred", 451, True)),
        (aiosmtplib.SMTPDataError(554, "no"), Result("refused", 554)),
        (
            aiosmtplib.SMTPRecipientsRefused(
                [aiosmtplib.SMTPRecipientRefused(550, "unknown", "a@b.org")]
            ),
            Result("refused", 550),
        ),
        (aiosmtplib.SMTPResponseException(-1, "cut"), Result("deferred", 0, True)),
        (aiosmtplib.SMTPAuthenticationError(535, "no"), Result("auth_error", 535)),
        (
            aiosmtplib.SMTPAuthenticationError(454, "later"),
            Result("auth_error", 454, True),
        ),
        (aiosmtplib.SMTPReadTimeoutError("slow"), Result("timeout", 0, True)),
        (TimeoutError(), Result("timeout", 0, True)),
        (aiosmtplib.SMTPServerDisconnected("gone"), Result("network_error", 0, True)),
        (ConnectionResetError(), Result("network_error", 0, True)),
        (ssl.SSLCertVerificationError(), Result("tls_error", 0, True)),
        (aiosmtplib.SMTPException("no STARTTLS"), Result("tls_error", 0, True)),
    ],
)
def test_smtp_answers(error: Exception, result: Result) -> None:
    """4yz and broken connections are for now, 5yz for good."""
    assert result == email.judge(error)


def test_an_error_of_ours_is_not_the_servers() -> None:
    """A bug is never mistaken for an answer."""
    with pytest.raises(ZeroDivisionError):
        email.judge(ZeroDivisionError())


@given(st.integers(1, 2000), st.integers())
def test_backoff_is_full_jitter_and_bounded(attempt: int, seed: int) -> None:
    """The pause is within 0 and min(300 s, 1 s doubled each time)."""
    pause = delay_seconds(attempt, None, random.Random(seed))
    assert 0 <= pause <= min(300.0, 2.0 ** min(attempt - 1, 20))


@given(st.integers(1, 50), st.floats(0, 1e12))
def test_a_wish_wins_within_bounds(attempt: int, wish: float) -> None:
    """Retry-After sets the pause, up to 15 minutes."""
    pause = delay_seconds(attempt, wish, random.Random(0))
    assert pause == min(wish, LONGEST_WISH)
