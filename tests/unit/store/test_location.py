"""storage.url is obeyed or refused with a hint, and its password shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from algovigil_processor.errors import StartError
from algovigil_processor.store import Server, locate
from algovigil_processor.store.location import PASSWORD

DATA = Path("/data")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", DATA / "clickhouse"),
        ("chdb:///var/x", Path("/var/x")),
        ("clickhouse://127.0.0.1", Server("127.0.0.1", 8123, False)),
        ("clickhouse://[::1]:9/d", Server("::1", 9, False, database="d")),
        (
            "clickhouse://u:p%40%2F@localhost:1/d",
            Server("localhost", 1, False, "u", "p@/", "d"),
        ),
        ("clickhouses://ch.example", Server("ch.example", 8443, True)),
        (
            "clickhouses://u@ch.example:1/d?ca_file=/ca.pem",
            Server("ch.example", 1, True, "u", "", "d", "/ca.pem"),
        ),
    ],
)
def test_a_url_says_where_the_database_is(url: str, expected: Path | Server) -> None:
    """Embedded by default; a server by scheme, with TLS or on loopback."""
    assert expected == locate(url, DATA, {})


def test_the_password_may_come_from_the_environment() -> None:
    """The file then holds no secret; what the URL says goes first."""
    environ = {PASSWORD: "from-there"}
    found = locate("clickhouses://u@h", DATA, environ)
    assert isinstance(found, Server)
    assert "from-there" == found.password
    assert "from-there" not in repr(found)
    found = locate("clickhouses://u:here@h", DATA, environ)
    assert isinstance(found, Server)
    assert "here" == found.password


@pytest.mark.parametrize(
    "url",
    [
        "http://u:secret@127.0.0.1/d",
        "chdb://memory",
        "chdb://host/x",
        "clickhouse://u:secret@10.0.0.9/d",
        "clickhouse://u:secret@ch.example/d",
        "clickhouses://u:secret@/d",
        "clickhouses://u:secret@h:99999/d",
        "clickhouses://u:secret@h/d?verify=false",
    ],
)
def test_what_cannot_be_obeyed_is_refused_without_its_secret(url: str) -> None:
    """Other schemes, plaintext to other machines, unknown options."""
    with pytest.raises(StartError) as refusal:
        locate(url, DATA, {})
    assert "expected: " in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_plaintext_to_another_machine_may_be_allowed() -> None:
    """By a setting that says so."""
    found = locate("clickhouse://ch.example/d", DATA, {}, allow_plaintext=True)
    assert Server("ch.example", 8123, False, database="d") == found
