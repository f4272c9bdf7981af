"""One store a module, one day and state a test, receivers that end with it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI

from algovigil.config import Channel, Rule
from algovigil_processor.alert import desk_routes, rule_routes
from algovigil_processor.alert.routes import router
from algovigil_processor.listen import Address, bind
from algovigil_processor.server import HttpServer
from algovigil_processor.store import Store
from algovigil_processor.telemetry import Telemetry
from integration.alert.receivers import CERTIFICATE, Hook, Mailbox
from integration.alert.ward import SECOND, Ward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAYS = itertools.count(20_000)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real embedded ClickHouse."""
    opened = Store(tmp_path_factory.mktemp("data") / "clickhouse", Telemetry())
    yield opened
    opened.close()


@pytest.fixture
def ward(store: Store, tmp_path: Path) -> Iterator[Ward]:
    """A ward at noon of a day that no other test has."""
    opened = Ward(store, tmp_path, (next(DAYS) * 86_400 + 43_200) * SECOND)
    yield opened
    opened.close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A receiver of web hooks."""
    with contextlib.closing(Hook()) as opened:
        yield opened


@pytest.fixture
def mailbox() -> Iterator[Callable[..., Mailbox]]:
    """Open mail servers."""
    with contextlib.ExitStack() as opened:
        yield lambda **options: opened.enter_context(
            contextlib.closing(Mailbox(**options))
        )


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the receivers' certificate one that this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


@pytest.fixture
def api(ward: Ward, hook: Hook) -> Iterator[str]:
    """The API of a ward in which one alert fires."""
    rule = Rule("Slow", "latency_p95 > 2 s", "critical", 0, ("hook",))
    alerting = ward.open(rule, channels={"hook": Channel("webhook", url=hook.url)})
    ward.slow(2500.0)
    alerting.tick(ward.now_ns)
    app = FastAPI()
    app.include_router(router(alerting))
    app.include_router(desk_routes.router(alerting.delivery))
    app.include_router(rule_routes.router(alerting.rules))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = HttpServer(app, bind(Address("127.0.0.1", 0), "--api"))
    port = asyncio.run_coroutine_threadsafe(server.begin(), loop).result(30)
    yield f"http://127.0.0.1:{port}"
    asyncio.run_coroutine_threadsafe(server.end(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
