"""One store a module, one day and state a test, receivers that end with it."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest

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
