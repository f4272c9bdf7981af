"""One real processor for all foreign senders, and where `make foreign` put them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import clickhouse_connect
import pytest

from integration.processor.served import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

NODE: Final = Path(sys.prefix) / "node" / "node_modules"
PYTHON: Final = Path(sys.prefix) / "foreign" / "bin" / "python"


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A processor on free ports."""
    with Served(tmp_path_factory.mktemp("foreign") / "data") as processor:
        yield processor


@pytest.fixture(scope="session")
def client(served: Served) -> Iterator[Client]:
    """ClickHouse's own Python client on the SQL port."""
    host, _, port = served.addresses["sql"].rpartition(":")
    client = clickhouse_connect.get_client(host=host, port=int(port), database="otel")
    yield client
    client.close()
