"""The stores of the contract: the embedded one, and one over a server's HTTP."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest

from algovigil_processor.store import Store, locate
from algovigil_processor.telemetry import Telemetry
from contract.store.clickhouse_http import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS: Final = Path(__file__).parents[2]
# key and certificate of 127.0.0.1, made for tests
CERTIFICATE: Final = TESTS / "integration" / "alert" / "loopback.pem"


@dataclass
class ClickHouse:
    """A stand-in server in a process of its own; its data outlives it."""

    folder: Path
    certificate: str = ""
    port: int = 0
    child: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Serve: on any port at first, on the same one later."""
        self.child = subprocess.Popen(
            [
                *(sys.executable, "-m", "contract.store.clickhouse_http"),
                *(str(self.folder), self.certificate, str(self.port)),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )
        assert self.child.stdout is not None
        self.port = int(self.child.stdout.readline())

    def stop(self) -> None:
        """Go away at once."""
        assert self.child is not None
        self.child.kill()
        self.child.wait()

    def url(self, database: str) -> str:
        """Return its storage.url."""
        scheme, options = "clickhouse", ""
        if self.certificate:
            scheme, options = "clickhouses", f"?ca_file={self.certificate}"
        password = quote(PASSWORD, safe="")
        return f"{scheme}://{USER}:{password}@127.0.0.1:{self.port}/{database}{options}"

    def fault(self, what: str) -> None:
        """Set the fate of the next inserts."""
        scheme = "https" if self.certificate else "http"
        trusting = ssl.create_default_context(cafile=self.certificate or None)
        url = f"{scheme}://127.0.0.1:{self.port}/_fault/{what}"
        urllib.request.urlopen(url, context=trusting, timeout=10).close()


@contextlib.contextmanager
def serving(folder: Path, certificate: str = "") -> Iterator[ClickHouse]:
    """Serve a stand-in."""
    server = ClickHouse(folder, certificate)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session", params=["embedded", "http"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """Give storage URLs, each of an empty database."""
    folder = tmp_path_factory.mktemp("clickhouse")
    numbers = iter(range(1000))
    if request.param == "embedded":
        yield lambda: f"chdb://{folder}/{next(numbers)}"
        return
    with serving(folder) as server:
        yield lambda: server.url(f"otel_{next(numbers)}")


@pytest.fixture
def url(place: Callable[[], str]) -> str:
    """Return the URL of an empty database."""
    return place()


def opened(url: str, telemetry: Telemetry | None = None, **settings: object) -> Store:
    """Open the store at *url*."""
    where = locate(url, Path("/nowhere"), {})
    return Store(where, telemetry or Telemetry(), **settings)  # type: ignore[arg-type] # settings of a test


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Return the store of an empty database."""
    store = opened(url)
    yield store
    store.close()
