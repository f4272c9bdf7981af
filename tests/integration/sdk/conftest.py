from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.sdk.collector import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.stop()
