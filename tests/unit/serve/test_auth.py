"""Who gets past the ports."""

from __future__ import annotations

import asyncio
import base64

import httpx
import pytest
from starlette.responses import PlainTextResponse

from algovigil_processor.errors import StartError
from algovigil_processor.serve.auth import Access, Guard, access
from algovigil_processor.serve.sql import error_response


def get(granted: Access, path: str = "/", **headers: str) -> httpx.Response:
    app = Guard(
        PlainTextResponse("in"), granted, error_response, frozenset({"/healthz"})
    )
    names = {key.replace("_", "-"): value for key, value in headers.items()}

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8123"
        ) as client:
            return await client.get(path, headers=names)

    return asyncio.run(send())


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.9.9.9"]
)
def test_a_loopback_bind_needs_no_token(host: str) -> None:
    """This machine alone reaches it."""
    assert Access() == access(host, "SQL", {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "processor"])
def test_any_other_bind_needs_a_token(host: str) -> None:
    """Without one the processor does not start, and says how to mend it."""
    with pytest.raises(StartError, match="hint: set ALGOVIGIL_TOKEN"):
        access(host, "SQL", {})
    assert Access("s") == access(host, "SQL", {"ALGOVIGIL_TOKEN": "s"})


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8123", "127.0.0.1:1", "[::1]:8123", "LOCALHOST"]
)
def test_requests_that_name_this_machine_pass(host: str) -> None:
    """A loopback Host is ours."""
    assert 200 == get(Access(), host=host).status_code


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1", "[", "@"],
)
def test_a_foreign_host_is_refused(host: str) -> None:
    """A page whose name was rebound to 127.0.0.1 gets nothing, not even health."""
    response = get(Access(), "/healthz", host=host)
    assert 403 == response.status_code
    assert "Code: 497. DB::Exception" in response.text
    assert "497" == response.headers["x-clickhouse-exception-code"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8123", 200),
        ("http://evil.example", 403),
        ("http://127.0.0.1:9999", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_foreign_origin_is_refused(origin: str, status: int) -> None:
    """Another site's page cannot ask through the reader's browser."""
    assert status == get(Access(), origin=origin).status_code
    assert status == get(Access("s"), origin=origin, x_clickhouse_key="s").status_code


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer s"}, 200),
        ({"authorization": basic("s")}, 200),
        ({"x_clickhouse_key": "s"}, 200),
        ({"x_clickhouse_key": "s", "host": "processor:8123"}, 200),
        ({}, 401),
        ({"authorization": "Digest s"}, 401),
        ({"authorization": "Bearer t"}, 403),
        ({"authorization": basic("")}, 403),
        ({"authorization": "Basic !!"}, 403),
        ({"x_clickhouse_key": ""}, 403),
    ],
)
def test_a_token_is_asked_of_every_request(
    headers: dict[str, str], status: int
) -> None:
    """Bearer, Basic and ClickHouse's own header carry it; health needs none."""
    assert status == get(Access("s"), **headers).status_code
    assert 200 == get(Access("s"), "/healthz").status_code


def test_a_token_is_not_in_a_repr() -> None:
    """A repr ends up in logs."""
    assert "s3cret" not in repr(Access("s3cret"))
